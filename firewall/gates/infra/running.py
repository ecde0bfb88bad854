"""Exchanges that are under way, and how a revoked token ends them.

INVARIANT: what the agent of a revoked token has not been sent by then it is never sent. An answer that is being
streamed and a read that is still waited for end at once; a change that was already sent is waited for, so that its
outcome is known and recorded, and then not passed on.
"""

import asyncio
from collections.abc import Callable
from typing import Self

from firewall.core.errors import FirewallError


class RevokedError(FirewallError):
    """The token was revoked while its request was under way."""

    code = "token_revoked"
    status = 401


class Exchange:
    """One request that was sent on; a context manager around its way to the target and back."""

    __slots__ = ("_among", "_is_revoked", "_lineage", "_task", "may_end")

    def __init__(self, among: "set[Exchange]", lineage: tuple[str, ...], *, may_end: bool) -> None:
        """`may_end`: ending it now loses nothing that must be known."""
        self._among = among
        self._lineage = lineage
        self._task: asyncio.Task[object] | None = None
        self._is_revoked = False
        self.may_end = may_end

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._among.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave. Raises: RevokedError in place of the cancellation that a revocation was."""
        self._among.discard(self)
        if kind is asyncio.CancelledError and self._is_revoked and self._task is not None:
            self._task.uncancel()
            raise _revoked()

    def answered(self) -> None:
        """Note that the answer has begun: from now on it may end at any moment.

        Raises: RevokedError where the token was revoked meanwhile.
        """
        self.may_end = True
        if self._is_revoked:
            raise _revoked()

    def revoked(self, token_id: str) -> None:
        """End it if it belongs to that token or to a child of it."""
        if token_id not in self._lineage or self._is_revoked:
            return
        self._is_revoked = True
        if self.may_end and self._task is not None:
            self._task.cancel()


def revoking(exchanges: "set[Exchange]") -> Callable[[str], None]:
    """Return what ends the exchanges of a token, as `Tokens.on_revoked` wants it."""

    def revoked(token_id: str) -> None:
        for one in list(exchanges):
            one.revoked(token_id)

    return revoked


def _revoked() -> RevokedError:
    return RevokedError("the token was revoked while the answer was under way")
