"""The terminal: id and address, and nothing of the call."""

import io

from firewall.approvals.channels.terminal import Terminal
from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Alert, Opened, Reminded, Seen, Settled
from tests.support.telling import ADDRESS, notice


async def test_a_shared_screen_learns_nothing_of_the_call() -> None:
    """A line for what waits, for how it ended and for alerts; that somebody reads it is no news there."""
    stream = io.StringIO()
    terminal = Terminal(stream)
    for one in (Opened(notice()), Reminded(notice()), Seen(notice()), Alert("budget", "a budget is spent", {})):
        await terminal.send(one)
    await terminal.send(Settled(notice(), ApprovalStatus.DENIED))
    await terminal.aclose()
    assert stream.getvalue().splitlines() == [
        f"stayhand: approval apr_x waits at {ADDRESS}",
        f"stayhand: approval apr_x still waits at {ADDRESS}",
        "stayhand: a budget is spent",
        "stayhand: approval apr_x waits no more: was denied",
    ]
