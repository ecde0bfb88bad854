"""What the server does beside calls: what only the console is for ends nothing when it fails."""

import asyncio
import logging
from types import SimpleNamespace

import pytest

from firewall.app.application import Application

ADVISORY = (
    "indexing the log",
    "following the log for sessions",
    "noting when tokens were used",
    "telling of break-glass",
)


async def test_what_only_the_console_is_for_ends_nothing_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen error of an index or of a last use is told; expiry, witness and calls go on."""

    async def failing() -> None:
        raise ValueError("unforeseen")

    async def waiting() -> None:
        await asyncio.Event().wait()

    served = SimpleNamespace(
        channels=SimpleNamespace(run=waiting),
        approvals=SimpleNamespace(run=waiting),
        reviews=SimpleNamespace(run=failing),
        console=SimpleNamespace(run=waiting),
        looking=SimpleNamespace(follower=SimpleNamespace(run=failing), behind=SimpleNamespace(run=failing)),
        mcp=None,
        prober=None,
        sharing=None,
        _witness=waiting,
        _sweep=waiting,
        _note_uses=failing,
    )
    background = asyncio.create_task(Application.background(served))  # type: ignore[arg-type]  # a stand-in
    async with asyncio.timeout(30):
        while len(_told(caplog)) < len(ADVISORY):  # noqa: ASYNC110 - each fails in its first turn
            await asyncio.sleep(0)
    assert not background.done()
    assert all(any(what in one for one in _told(caplog)) for what in ADVISORY)
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]
