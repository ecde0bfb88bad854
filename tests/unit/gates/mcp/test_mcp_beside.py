"""What stands in a call's `_meta`: plain notes go on as they are, everything else is judged."""

import orjson
import pytest

from firewall.gates.mcp.beside import judged_of, own_notes_of, plain_of

MCP = "io.modelcontextprotocol/"
PLAIN = {
    "progressToken": 0,
    f"{MCP}protocolVersion": "2026-07-28",
    f"{MCP}clientInfo": {"name": "c", "version": "1", "title": "C"},
    f"{MCP}clientCapabilities": {"elicitation": {"url": {}}},
    f"{MCP}logLevel": "info",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "congo=t61rcWkgMzE",
    "baggage": "user=olga",
    "claudecode/toolUseId": "toolu_1",
    "callId": "call_1",
    "threadId": "t",
}


def test_plain_notes_are_not_judged() -> None:
    """What the protocol defines and clients know their calls by: approvals are not asked anew for another id."""
    assert judged_of(PLAIN) == {}


def test_what_goes_on_unjudged_is_there_to_be_searched() -> None:
    """Its values and nothing else: neither their names, nor what is judged anyway."""
    assert orjson.loads(plain_of({**PLAIN, "environment": "prod"})) == list(PLAIN.values())
    assert plain_of({"environment": "prod"}) == b""


def test_what_codex_notes_about_its_turn_is_not_judged() -> None:
    """It differs with every call, so an approval would serve none; no server is sent it (`test_mcp_wish`)."""
    notes = {"x-codex-turn-metadata": {"turn_id": "1"}, "itemId": "fc_1", "sessionId": "s", "windowId": "s:0"}
    assert own_notes_of({**PLAIN, **notes}) == frozenset(notes)
    assert judged_of({**PLAIN, **notes}) == {}
    assert judged_of({**notes, "database": "prod"}) == {"database": "prod"}
    assert judged_of({"sessionId": "s"}) == {"sessionId": "s"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("environment", "prod"),
        ("progressToken", True),
        ("progressToken", ["x"]),
        (f"{MCP}clientInfo", {"name": "c", "version": "1", "database": "prod"}),
        (f"{MCP}clientInfo", {"name": "c" * 257, "version": "1"}),
        (f"{MCP}clientInfo", "c"),
        (f"{MCP}clientCapabilities", {"x": 1}),
        (f"{MCP}logLevel", "prod"),
        (f"{MCP}else", "x"),
        ("traceparent", "drop table users"),
        ("baggage", "x" * 513),
        ("callId", {"a": 1}),
        ("callId", "x" * 201),
    ],
)
def test_everything_else_is(name: str, value: object) -> None:
    """Names that nobody knows, and known names over what is not of their form."""
    assert judged_of({**PLAIN, name: value}) == {name: value}
