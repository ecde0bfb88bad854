"""Errors of the Model Context Protocol: JSON-RPC numbers, and the stable words that stand beside them.

Numbers that JSON-RPC and the specification define keep their meaning. Ours are -31000 minus the HTTP status that
the same refusal has elsewhere, outside the range that JSON-RPC reserves (2026-07-28, basic, "Error Codes").
Every error carries `data.code`, the word that logs and documents know it by.
"""

from collections.abc import Mapping
from types import MappingProxyType

from firewall.core.errors import FirewallError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022

_STATUS: Mapping[int, int] = MappingProxyType(
    {
        PARSE_ERROR: 400,
        INVALID_REQUEST: 400,
        METHOD_NOT_FOUND: 404,
        INVALID_PARAMS: 400,
        HEADER_MISMATCH: 400,
        MISSING_CAPABILITY: 400,
        UNSUPPORTED_VERSION: 400,
    }
)
"""What HTTP says beside an error of these numbers (2026-07-28, streamable-http); others have no status."""
_OWN = -31000
_NOTHING: Mapping[str, object] = MappingProxyType({})


class McpError(FirewallError):
    """A message that we refuse, as the protocol says it."""

    code = "invalid_request"
    status = 400

    def __init__(
        self,
        public: str,
        *,
        number: int = INVALID_REQUEST,
        code: str | None = None,
        status: int | None = None,
        data: Mapping[str, object] = _NOTHING,
        of: str | int | None = None,
        detail: str = "",
    ) -> None:
        """`number`: the JSON-RPC code; `data`: what stands beside the word; `of`: the id of the message."""
        super().__init__(public, detail=detail, code=code, status=status)
        self.number = number
        self.data = data
        self.of = of


def number_of(error: FirewallError) -> int:
    """Return the JSON-RPC number of any error of ours: -31403 for what is refused with 403 elsewhere."""
    if isinstance(error, McpError):
        return error.number
    return _OWN - error.status


def status_of(number: object) -> int:
    """Return the HTTP status of a server's error in 2026-07-28; 200 where its number asks for none."""
    return _STATUS.get(number, 200) if isinstance(number, int) else 200


def data_of(error: FirewallError) -> dict[str, object]:
    """Return the `data` member: the stable word, what an error adds, and when to ask again."""
    data: dict[str, object] = {"code": error.code}
    if isinstance(error, McpError):
        data |= error.data
    if error.retry_after_s is not None:
        data["retryAfterSeconds"] = error.retry_after_s
    return data
