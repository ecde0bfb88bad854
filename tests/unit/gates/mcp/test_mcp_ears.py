"""Who hears over a line what changed, and for how long."""

import asyncio

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.changes import UPDATED, Filter
from firewall.codecs.mcp.messages import Message
from firewall.gates.mcp.listening import Listening
from firewall.gates.mcp.upstream.ears import Ears, until

CHANGED = messages.notification("notifications/tools/list_changed")


def test_a_change_goes_to_all_ears_and_nowhere_else() -> None:
    """Also where nobody listens: it belongs to no request. What tells of no change is not taken."""
    ears, heard = Ears(), list[Message]()
    assert ears.took(CHANGED)
    ears.add(heard.append)
    assert ears.took(CHANGED)
    assert heard == [CHANGED]
    for other in (messages.notification("notifications/message"), messages.request(1, CHANGED.method)):
        assert not ears.took(other)
    ears.discard(heard.append)
    assert heard == [CHANGED]


async def test_listening_ends_with_its_line() -> None:
    """Then there is no answer, and what listened is over; otherwise there is what it came to."""
    over, ended = asyncio.Event(), asyncio.Event()

    async def listens() -> Message | None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return CHANGED

    async def answers() -> Message | None:
        return CHANGED

    async def fails() -> Message | None:
        raise ValueError("broken")

    running = asyncio.create_task(until(over, listens()))
    await asyncio.sleep(0)
    over.set()
    assert await running is None
    assert ended.is_set()
    assert await until(asyncio.Event(), answers()) is CHANGED
    with pytest.raises(ValueError, match="broken"):
        await until(asyncio.Event(), fails())


async def test_of_what_a_server_says_only_the_subject_is_kept() -> None:
    """Once, under the address that was listened to, however much is said beside it and however often."""
    listening = Listening(Filter(frozenset({CHANGED.method}), frozenset({"shop://stock"})))
    for n in range(3):
        said: dict[str, object] = {"uri": f"shop://stock/{n}", "title": "x" * 1000}
        listening.heard(messages.notification(UPDATED, said))
        listening.heard(messages.notification(CHANGED.method, {"title": "x" * 1000}))
    assert listening.taken() == [(UPDATED, "shop://stock"), (CHANGED.method, "")]
    assert (listening.taken(), listening.changed.is_set()) == ([], False)
