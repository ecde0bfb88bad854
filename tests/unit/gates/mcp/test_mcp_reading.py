"""What reads without a tool: held against the grant, judged and recorded before a server hears of it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.codecs.mcp import messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.messages import Message
from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.grant import Verb
from firewall.gates.mcp.reading import JudgedReads
from firewall.gates.mcp.showing.permitted import is_plain
from tests.support.approving import until
from tests.support.guarding import Kept, keeping
from tests.support.mcp_calls import Ear, Line, caller, server

FILES = server("files", command=["files-server"], url="")
SHARED = "mcp:files/file:///srv/shared/*"


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


def asking(method: str, **params: object) -> Message:
    """Return a request."""
    said = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    return messages.read(json.dumps(said, indent=1).encode())


async def read(kept: Kept, message: Message, line: Line, **grant: object) -> Message:
    """Ask as an agent with a grant."""
    asker = caller(kept.requester(gate="mcp", **grant))
    reads = JudgedReads(kept.guard, kept.installation.writer, kept.clock)
    return await reads.read(FILES, asker, message, upstream=line, seen=Ear())


@pytest.mark.parametrize(
    "message",
    [
        asking("resources/read", uri="shop://stock"),
        asking("prompts/get", name="sell", arguments={"what": "x"}),
        asking(
            "completion/complete", ref={"type": "ref/prompt", "name": "sell"}, argument={"name": "w", "value": "x"}
        ),
    ],
    ids=lambda one: one.method,
)
async def test_what_is_permitted_is_judged_sent_as_it_came_and_recorded(kept: Kept, message: Message) -> None:
    """The entry with the verdict stands before the server is asked, the outcome after it."""
    line = Line(said={"contents": []})
    answer = await read(kept, message, line)
    assert answer.result == {"contents": []}
    assert line.heard == [message]
    await until(lambda: "tool.finished" in kept.kinds())
    assert [kind for kind in kept.kinds() if kind.startswith("tool.")] == [
        "tool.judged",
        "tool.released",
        "tool.finished",
    ]


@pytest.mark.parametrize(
    "message",
    [
        asking("resources/read", uri="http://169.254.169.254/latest/meta-data/"),
        asking("resources/read", uri="file:///srv/shared/../../home/u/keystore.key"),
        asking("resources/read", uri="file:///srv/shared/%2e%2e/%252e%252e/etc/shadow"),
        asking("resources/read", uri="file:///srv/shared/..\\\\x"),
        asking("resources/read", uri=["file:///srv/shared/a"]),
        asking("resources/read"),
        asking("completion/complete", ref={"type": "ref/resource", "uri": "file:///etc/{x}"}),
        asking("completion/complete", ref={"type": "ref/resource"}),
        asking("completion/complete", ref="x"),
        asking("prompts/get", name=7),
        asking("prompts/get", name="other"),
    ],
)
async def test_what_the_grant_does_not_name_never_reaches_a_server(kept: Kept, message: Message) -> None:
    """Another address, one that leads elsewhere than it says, another prompt, and what names nothing."""
    line = Line()
    grant = {"grant_resources": (SHARED,), "grant_tools": ("mcp__files__resources/read", "mcp__files__sell")}
    with pytest.raises(McpError) as refused:
        await read(kept, message, line, **grant)
    assert refused.value.code == "grant_outside"
    assert line.heard == []


async def test_without_reading_among_its_verbs_nothing_is_read(kept: Kept) -> None:
    """The grant's verbs hold here as everywhere."""
    line = Line()
    with pytest.raises(McpError):
        await read(kept, asking("resources/read", uri="a:b"), line, grant_verbs=(Verb.WRITE,))
    assert line.heard == []


@pytest.mark.parametrize("name", ["baggage", "callId", "database"])
async def test_a_credential_beside_a_name_goes_nowhere(kept: Kept, name: str) -> None:
    """What stands in `_meta` of a read is searched as what stands in a call's."""
    line, key = Line(), "AK" + "IAQ3VNX7RT2LKP5WJ4"
    with pytest.raises(McpError) as refused:
        await read(kept, asking("resources/read", uri="shop://stock", _meta={name: key}), line)
    assert refused.value.code.startswith("credential:")
    assert line.heard == []


async def test_a_clients_notes_for_itself_do_not_reach_a_server(kept: Kept) -> None:
    """What Codex notes about its turn is not judged, and therefore not sent; the rest goes as it came."""
    line, notes = Line(said={"contents": []}), {"x-codex-turn-metadata": "{}", "itemId": "i", "callId": "c"}
    await read(kept, asking("resources/read", uri="shop://stock", _meta=notes), line)
    assert line.heard[0].params == {"uri": "shop://stock", "_meta": {"callId": "c"}}


async def test_our_own_files_are_denied_by_whatever_server(kept: Kept) -> None:
    """A server that we start runs as we do: the guard's own reach holds for what it is asked to read."""
    line = Line()
    uri = f"file://{kept.folder}/data/stayhand.db"
    with pytest.raises(McpError) as refused:
        await read(kept, asking("resources/read", uri=uri), line)
    assert refused.value.data["entry"] is not None
    assert line.heard == []


async def test_a_server_that_fails_leaves_an_outcome(kept: Kept) -> None:
    """Every request that was sent has exactly one outcome entry."""
    line = Line(fails=UpstreamError("`files` went away", fault=UpstreamFault.UNAVAILABLE))
    with pytest.raises(UpstreamError):
        await read(kept, asking("resources/read", uri="shop://stock"), line)
    await until(lambda: "tool.finished" in kept.kinds())


@pytest.mark.parametrize(
    "uri", ["a", "file:///x/y.txt", "shop://shelf/{number}", "http://h/a?b=c#d", "mem://ü/a.b"]
)
def test_ordinary_addresses_are_plain(uri: str) -> None:
    """Dots within names, templates and letters of every script say where they lead."""
    assert is_plain(uri)


@pytest.mark.parametrize("name", ["mcp:_meta", "mcp:inputResponses", "mcp:inputRequests"])
async def test_no_parameter_hides_another(kept: Kept, name: str) -> None:
    """A parameter that is called like what is judged beside it is refused, and the server hears nothing."""
    line = Line()
    with pytest.raises(McpError) as refused:
        await read(kept, asking("resources/read", uri="shop://stock", **{name: {"x": 1}, "_meta": {"y": 1}}), line)
    assert (refused.value.code, line.heard) == ("argument_reserved", [])
