"""What can go wrong on our side, as one shallow tree; a refusal is a `Verdict`, never an exception.

    FirewallError(public, detail=...)    code, status; `public` may be shown, `detail` is only logged
      ConfigError      settings or policy refused; the process does not start, or keeps the old snapshot
      ProtocolError    bytes we cannot read; side = client (400) or upstream (502)
      AuthError        no token, bad, expired, revoked: 401, one message for all four
      UpstreamError    unavailable, timeout, rejected: what fallback chains feed on
      StoreError       unavailable or conflict: the gates close (503)
      ApprovalError    expired, used, not yours
      LimitError       a rate, a cap or a budget: 429 with `retry_after_s`

Messages: lower case, no full stop, what was wrong then what to do, user input in backticks, never a secret.
"""

from enum import StrEnum
from typing import Literal


class FirewallError(Exception):
    """Base of everything that we raise on purpose."""

    code = "internal_error"
    status = 500
    retry_after_s: float | None = None
    """When asking again may help; None: nothing is said about that."""

    def __init__(
        self, public: str, *, detail: str = "", code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(public)
        self.public = public
        """May be shown to the caller."""
        self.detail = detail
        """Only for our own log; never a secret."""
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status


class ConfigError(FirewallError):
    """Settings or policy refused, with file and line where there is one."""

    code = "config_invalid"
    status = 500

    def __init__(self, public: str, *, hint: str = "", file: str = "", line: int = 0, detail: str = "") -> None:
        super().__init__(public, detail=detail)
        self.hint = hint
        self.file = file
        self.line = line


class ProtocolError(FirewallError):
    """Bytes that we cannot read, from the client (400) or from the upstream (502)."""

    def __init__(
        self,
        public: str,
        *,
        code: str = "invalid_request",
        side: Literal["client", "upstream"] = "client",
        status: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(public, detail=detail, code=code, status=status or (400 if side == "client" else 502))
        self.side = side


class AuthError(FirewallError):
    """No token, a malformed, expired or revoked one: one message for all.

    `hint` may say more about the form of what came, never about a token that is ours.
    """

    code = "token_invalid"
    status = 401

    def __init__(self, *, detail: str = "", hint: str = "") -> None:
        said = "the token is missing, malformed, expired or revoked"
        super().__init__(f"{said}; {hint}" if hint else said, detail=detail)


class UpstreamFault(StrEnum):
    """Why a provider or target gave no usable answer."""

    UNAVAILABLE = "upstream_unavailable"
    TIMEOUT = "upstream_timeout"
    REJECTED = "upstream_rejected"
    MALFORMED = "upstream_malformed"


class UpstreamError(FirewallError):
    """A provider or target gave no usable answer."""

    def __init__(
        self, public: str, *, fault: UpstreamFault, status: int = 502, detail: str = "", code: str | None = None
    ) -> None:
        super().__init__(public, detail=detail, code=code or fault.value, status=status)
        self.fault = fault


class StoreError(FirewallError):
    """The log or a store cannot take the write: the gates close."""

    code = "log_unavailable"
    status = 503


class ApprovalError(FirewallError):
    """An approval that is expired, used, unknown or not yours to decide."""

    code = "approval_refused"
    status = 409


class LimitError(FirewallError):
    """A rate, a cap or a budget is used up."""

    code = "rate_limited"
    status = 429

    def __init__(self, public: str, *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(public, code=code)
        self.retry_after_s: int = retry_after_s
