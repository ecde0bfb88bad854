"""Which tools may be called: the approved ones of servers whose list was seen since we started."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from firewall.app.pinning import Pinning
from firewall.approvals.people import Approver
from firewall.codecs.mcp import messages
from firewall.codecs.mcp.messages import Message
from firewall.console.api.pins import UnknownServerError
from firewall.core.errors import UpstreamError
from firewall.gates.mcp.listed import FRESH_S, Listed
from firewall.gates.mcp.pacing import QUIET_S
from firewall.gates.mcp.port import Seen
from firewall.gates.mcp.showing.tools import PinnedTools
from tests.support.mcp_shown import House, caller, house, server, tool


@dataclass(slots=True)
class Pages:
    """A server that lists its tools in pages of one."""

    tools: list[dict[str, object]]
    version: str = "2026-07-28"
    capabilities: Mapping[str, object] = field(default_factory=dict)
    listed: Listed = field(default_factory=Listed)
    asked: list[object] = field(default_factory=list)
    notes: list[Mapping[str, object]] = field(default_factory=list)
    """What stood in `_meta`."""
    is_broken: bool = False

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        """Answer one page."""
        del seen
        self.asked.append(message.params.get("cursor"))
        self.notes.append(message.meta)
        assert message.id is not None
        if self.is_broken:
            return messages.failure(message.id, -32603, "broken")
        at = int(str(message.params.get("cursor", "0")))
        more = {"nextCursor": str(at + 1)} if at + 1 < len(self.tools) else {}
        return messages.result(message.id, {"tools": self.tools[at : at + 1], **more})

    async def tell(self, message: Message) -> None:
        """Take a notification."""
        del message

    async def aclose(self) -> None:
        """End."""


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[House]:
    """The seam over a log of its own."""
    async with house(tmp_path) as found:
        yield found


class Deaf:
    """Nobody who hears what comes before an answer."""

    async def __call__(self, message: Message) -> Message | None:
        """Take nothing."""
        del message
        return None

    async def say(self, message: Message) -> None:
        """Say nothing."""
        del message

    def judged(self, entry: int) -> None:
        """Note nothing."""
        del entry


async def test_a_server_that_nobody_listed_is_listed_first(place: House) -> None:
    """All of its pages are asked for, once, and what a caller's grant hides is pinned all the same."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    pages = Pages([tool("a"), tool("b", "Reads\x07 b."), tool("c")])
    found = await tools.tool(server(), caller("mcp__notes__b"), "c", upstream=pages, seen=Deaf())
    assert found == tool("c")
    assert await tools.tool(server(), caller(), "x", upstream=pages, seen=Deaf()) is None
    shown = await tools.tool(server(), caller(), "b", upstream=pages, seen=Deaf())
    assert shown is not None
    assert shown["description"] == "Reads␇ b."
    assert pages.asked == [None, "1", "2"]


@pytest.mark.parametrize(
    ("info", "sent"),
    [
        ({}, None),
        ({"name": "hand"}, None),
        ({"name": "hand", "version": "1", "x": 2}, {"name": "hand", "version": "1"}),
    ],
)
async def test_a_list_is_asked_for_as_the_client_says_who_it_is(
    place: House, info: dict[str, object], sent: dict[str, object] | None
) -> None:
    """A client need not say it: the server is then told nothing, and not something that is no name."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    pages = Pages([tool("a")])
    asking = replace(caller(), info=info)
    assert await tools.tool(server(), asking, "a", upstream=pages, seen=Deaf()) == tool("a")
    told = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    assert pages.notes == [told | ({"io.modelcontextprotocol/clientInfo": sent} if sent else {})]


async def test_a_tool_that_waits_is_none(place: House) -> None:
    """A definition that changed can be called once a person approved what was read of it, not before."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    desk = Pinning(place.pins)
    await place.list_tools(server(), [tool("a")])
    await place.list_tools(server(), [tool("a", "other")])
    nobody = Pages([])
    nobody.listed.seen(0, [tool("a")])
    assert await tools.tool(server(), caller(), "a", upstream=nobody, seen=Deaf()) is None
    waits = [row for row in desk.listing() if row["state"] == "waiting"]
    assert [(row["tool"], row["why"]) for row in waits] == [("a", "changed")]
    done = await desk.approve("notes", {"a": str(waits[0]["digest"])}, Approver("alice", "approver"))
    assert done == {"server": "notes", "approved": ["a"]}
    assert await tools.tool(server(), caller(), "a", upstream=nobody, seen=Deaf()) == tool("a", "other")
    assert nobody.asked == []


async def test_a_desk_knows_servers_that_are_configured_or_were_seen(place: House) -> None:
    """Both have a listing of their own, also an empty one; any other name is refused with those that are."""
    await place.list_tools(server(), [tool("a")])
    desk = Pinning(place.pins, ["fresh", "also"])
    assert [row["server"] for row in desk.listing("notes")] == ["notes"]
    assert desk.listing("fresh") == []
    assert len(desk.listing()) == 1
    with pytest.raises(UnknownServerError, match="`note`; configured: `also`, `fresh`"):
        desk.listing("note")
    with pytest.raises(UnknownServerError, match="none is configured"):
        Pinning(None).listing("note")


async def test_what_is_kept_of_a_definition_ends_with_it(place: House) -> None:
    """Cleaned once; another approved definition, or other rules of detection, and it is made anew."""
    detectors = [place.detector]
    tools = PinnedTools(place.pins, place.showing, lambda: detectors[-1])
    nobody = Pages([])
    nobody.listed.seen(0, [tool("a")])
    await place.list_tools(server(), [tool("a")])
    first = await tools.tool(server(), caller(), "a", upstream=nobody, seen=Deaf())
    assert await tools.tool(server(), caller(), "a", upstream=nobody, seen=Deaf()) is first
    detectors.append(copy(place.detector))
    again = await tools.tool(server(), caller(), "a", upstream=nobody, seen=Deaf())
    assert again == first == tool("a")
    assert again is not first
    await place.list_tools(server(), [tool("a", "other")])
    assert await tools.tool(server(), caller(), "a", upstream=nobody, seen=Deaf()) is None
    (waits,) = [row for row in Pinning(place.pins).listing() if row["state"] == "waiting"]
    await Pinning(place.pins).approve("notes", {"a": str(waits["digest"])}, Approver("alice", "approver"))
    assert await tools.tool(server(), caller(), "a", upstream=nobody, seen=Deaf()) == tool("a", "other")


async def test_another_line_to_the_same_server_is_listed_by_itself(place: House) -> None:
    """A program that is started anew may say something else: its change is seen before a tool of it is called."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    first, second = Pages([tool("a")]), Pages([tool("a", "other")])
    assert await tools.tool(server(), caller(), "a", upstream=first, seen=Deaf()) == tool("a")
    assert await tools.tool(server(), caller(), "a", upstream=second, seen=Deaf()) is None
    assert place.entries("mcp.changed")[-1]["change"] == "waiting"
    assert await tools.tool(server(), caller(), "a", upstream=first, seen=Deaf()) is None


async def test_what_a_server_says_that_it_changed_is_listed_before_a_call(place: House) -> None:
    """After `tools/list_changed`, and when a list has grown old, the definitions are compared before the call."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    now = 0.0
    pages = Pages([tool("a")], listed=Listed(lambda: now))
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) == tool("a")
    pages.listed.changed()
    pages.tools = [tool("a"), tool("b")]
    assert await tools.tool(server(), caller(), "b", upstream=pages, seen=Deaf()) is None
    assert pages.asked == [None, None, "1"]
    now += FRESH_S
    pages.tools = [tool("a", "other")]
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) is None


async def test_a_server_that_lists_no_more_has_no_tools(place: House) -> None:
    """What was approved once is not called while nobody can see what stands in its place today."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    await place.list_tools(server(), [tool("a")])
    assert await tools.tool(server(), caller(), "a", upstream=Pages([], is_broken=True), seen=Deaf()) is None


@dataclass(slots=True)
class Endless(Pages):
    """A server whose list goes on for ever."""

    cursor: object = "more"

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        """Answer one page, and promise another."""
        answer = await Pages.ask(self, message, seen=seen)
        return messages.changed(answer, {("result",): {"tools": self.tools, "nextCursor": self.cursor}})


@pytest.mark.parametrize("cursor", ["0", 7])
async def test_a_list_without_an_end_was_not_seen_whole(place: House, cursor: object) -> None:
    """Nobody knows what it would say next: it is not fresh, and nothing of it is called."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    pages = Endless([tool("a")], cursor=cursor)
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) is None
    assert not pages.listed.is_fresh


async def test_a_server_that_does_not_list_has_no_tools_yet(place: House) -> None:
    """An error instead of a list leaves the question open: it is asked again with the next call."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    pages = Pages([tool("a")], is_broken=True)
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) is None
    pages.is_broken = False
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) == tool("a")


async def test_a_tool_that_is_listed_no_more_is_none(place: House) -> None:
    """It is approved still, but the server does not offer it: what answers to its name is nobody's to know."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    pages = Pages([tool("a"), tool("b")])
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) == tool("a")
    pages.tools.pop(0)
    pages.listed.changed()
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) is None
    assert await tools.tool(server(), caller(), "b", upstream=pages, seen=Deaf()) == tool("b")


async def test_a_list_that_never_holds_still_names_nothing(place: House) -> None:
    """A server whose tools change whenever they are listed is listed three times, and none is called."""

    class Restless(Pages):
        """It says with each page that its tools changed."""

        async def ask(self, message: Message, *, seen: Seen) -> Message:
            """Answer one page."""
            self.listed.changed()
            return await Pages.ask(self, message, seen=seen)

    pages = Restless([tool("a")])
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    assert await tools.tool(server(), caller(), "a", upstream=pages, seen=Deaf()) is None
    assert pages.asked == [None, None, None]


class Restless(Pages):
    """A server that says with each page that its tools changed."""

    async def ask(self, message: Message, *, seen: Seen) -> Message:
        """Answer one page, when others had their turn."""
        self.listed.changed()
        await asyncio.sleep(0)
        return await Pages.ask(self, message, seen=seen)


async def test_a_server_that_always_says_it_changed_is_listed_ever_more_seldom(place: House) -> None:
    """All streams of a line share one walk at a time, and wait longer before each; quiet ends that."""
    now, slept = 0.0, []

    async def sleep(wait_s: float) -> None:
        nonlocal now
        slept.append(wait_s)
        now += wait_s

    tools = PinnedTools(place.pins, place.showing, lambda: place.detector, sleep=sleep)
    pages = Restless([tool("a")], listed=Listed(lambda: now))
    for _ in range(2):
        assert not await tools.relisted(server(), caller(), upstream=pages, seen=Deaf())
    assert slept == [1.0, 2.0, 5.0, 30.0, 30.0]
    assert len(pages.asked) == 6
    now += QUIET_S
    assert not await tools.relisted(server(), caller(), upstream=pages, seen=Deaf())
    assert slept[5:] == [1.0, 2.0]


async def test_streams_of_one_line_share_a_walk(place: House) -> None:
    """Sixteen who hear of one change list the server once; another change right after waits for all of them."""
    slept: list[float] = []
    now = 0.0

    async def sleep(wait_s: float) -> None:
        nonlocal now
        slept.append(wait_s)
        now += wait_s

    tools = PinnedTools(place.pins, place.showing, lambda: place.detector, sleep=sleep)
    pages = Pages([tool("a")], listed=Listed(lambda: now))

    async def all_hear() -> list[bool]:
        hear = (tools.relisted(server(), caller(), upstream=pages, seen=Deaf()) for _ in range(16))
        return await asyncio.gather(*hear)

    assert await all_hear() == [True] * 16
    assert pages.asked == [None]
    assert slept == []
    pages.listed.changed()
    assert await all_hear() == [True] * 16
    assert pages.asked == [None, None]
    assert slept[0] == 1.0


async def test_a_list_of_too_many_bytes_names_nothing(place: House) -> None:
    """Over all of its pages: nothing of it is called, and whoever asked hears why."""
    tools = PinnedTools(place.pins, place.showing, lambda: place.detector)
    pages = Pages([tool(str(number), "x" * 300_000) for number in range(20)])
    with pytest.raises(UpstreamError) as found:
        await tools.tool(server(max_answer_mib=1), caller(), "0", upstream=pages, seen=Deaf())
    assert found.value.code == "tools_too_large"
    assert not pages.listed.is_fresh
    assert len(pages.asked) == 4
