"""Header fields of Streamable HTTP, held against the message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.mcp import headers, messages
from firewall.codecs.mcp.errors import McpError
from firewall.codecs.mcp.headers import checked_params, decoded, encoded, fields_for, head_of, version_of
from firewall.codecs.mcp.messages import Message

NOTES = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "drop"}


def asked(method: str = "tools/call", *, notes: object = NOTES, **params: object) -> Message:
    """Return a request with these notes and parameters."""
    held = {**params, **({"_meta": notes} if notes is not None else {})}
    return messages.read(json.dumps({"jsonrpc": "2.0", "id": 5, "method": method, "params": held}).encode())


def fields(values: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Return fields as ASGI carries them."""
    return [(name.encode(), value.encode("latin-1")) for name, value in values.items()]


def refusal(values: dict[str, str], message: Message) -> McpError:
    """Return why a message is refused."""
    with pytest.raises(McpError) as caught:
        version_of(head_of(fields(values)), message)
    return caught.value


def test_a_stateless_request_says_the_same_in_fields_and_body() -> None:
    """Version, method and name agree; a name may be written as base64."""
    call = asked(name="drop")
    assert version_of(head_of(fields(MODERN)), call) == "2026-07-28"
    assert version_of(head_of(fields(MODERN | {"mcp-name": "=?base64?ZHJvcA==?="})), call) == "2026-07-28"
    read = asked("resources/read", uri="file:///é")
    coded = {"mcp-method": "resources/read", "mcp-name": encoded("file:///é")}
    assert version_of(head_of(fields(MODERN | coded)), read) == "2026-07-28"
    listed = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}
    assert version_of(head_of(fields(listed)), asked("tools/list")) == "2026-07-28"


@pytest.mark.parametrize(
    "wrong",
    [
        {"mcp-protocol-version": "2025-11-25"},
        {"mcp-protocol-version": ""},
        {"mcp-method": "tools/list"},
        {"mcp-method": "Tools/Call"},
        {"mcp-method": ""},
        {"mcp-name": "keep"},
        {"mcp-name": "Drop"},
        {"mcp-name": ""},
        {"mcp-name": "=?base64?ZHJvcB==?="},
        {"mcp-name": "=?base64?!!?="},
        {"mcp-name": "=?base64?/w==?="},
    ],
)
def test_what_differs_between_fields_and_body_is_refused(wrong: dict[str, str]) -> None:
    """With -32020 and the id, whichever of the two a reader would have believed."""
    error = refusal({name: value for name, value in (MODERN | wrong).items() if value}, asked(name="drop"))
    assert (error.number, error.code, error.status, error.of) == (-32020, "header_mismatch", 400, 5)


def test_a_call_without_a_name_has_no_name_to_agree_with() -> None:
    """A field cannot name what the body does not."""
    assert refusal(MODERN, asked()).code == "header_mismatch"
    assert refusal(MODERN, asked(name=["drop"])).code == "header_mismatch"


@pytest.mark.parametrize(
    "notes",
    [
        None,
        {},
        {"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
        {"io.modelcontextprotocol/clientCapabilities": {}},
        NOTES | {"io.modelcontextprotocol/clientCapabilities": []},
    ],
)
def test_a_stateless_request_says_its_version_and_capabilities(notes: object) -> None:
    """Without either it is refused with -32602."""
    error = refusal(MODERN, asked(notes=notes, name="drop"))
    assert (error.number, error.code, error.of) == (-32602, "meta_missing", 5)


def test_a_version_that_nobody_speaks_is_answered_with_those_that_we_do() -> None:
    """With -32022 and the list, in fields and body or in the field alone."""
    notes = NOTES | {"io.modelcontextprotocol/protocolVersion": "2027-01-01"}
    for error in (
        refusal(MODERN | {"mcp-protocol-version": "2027-01-01"}, asked(notes=notes, name="drop")),
        refusal({"mcp-protocol-version": "2027-01-01"}, asked(notes=None, name="drop")),
    ):
        assert (error.number, error.code, error.of) == (-32022, "version_unsupported", 5)
        assert error.data == {"supported": ["2026-07-28"], "requested": "2027-01-01"}


@pytest.mark.parametrize(
    ("version", "spoken"),
    [("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2025-03-26", "2025-03-26"), ("", "2025-03-26")],
)
def test_earlier_revisions_have_no_fields_to_agree_with(version: str, spoken: str) -> None:
    """The version's field alone counts, and its absence means the revision before it came."""
    values = {"mcp-protocol-version": version} if version else {}
    assert version_of(head_of(fields(values)), asked(notes=None, name="drop")) == spoken
    assert version_of(head_of(fields({})), asked("initialize", notes=None)) == "2025-03-26"


def test_discovery_belongs_to_the_stateless_era() -> None:
    """Asked without the notes of that era it is malformed, not a method of another."""
    assert refusal({}, asked("server/discover", notes=None)).code == "meta_missing"


@pytest.mark.parametrize(
    "name", ["mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id", "mcp-param-x"]
)
def test_a_field_that_stands_twice_is_refused(name: str) -> None:
    """Readers of the first and of the last one would differ."""
    with pytest.raises(McpError, match="twice") as caught:
        head_of([(name.encode(), b"a"), (name.encode(), b"a")])
    assert (caught.value.number, caught.value.code) == (-32020, "header_duplicate")
    with pytest.raises(McpError, match="ASCII"):
        version_of(head_of([(b"mcp-method", b"\xe9")]), asked(name="x"))


def test_what_a_client_takes_is_read_generously() -> None:
    """Both kinds where it says nothing or anything; else what it names."""
    for accept, json_too, events in (
        ("application/json, text/event-stream", True, True),
        ("application/json", True, False),
        ("text/event-stream;q=0.5", False, True),
        ("*/*", True, True),
        ("image/png", False, False),
    ):
        head = head_of(fields({"accept": accept}))
        assert (head.takes_json, head.takes_events) == (json_too, events)
    assert (head_of([]).takes_json, head_of([]).takes_events) == (True, True)


def test_repeated_arguments_repeat_what_was_judged() -> None:
    """A field for a parameter goes along where its value stands in the arguments, and is refused otherwise."""
    call = asked(name="q", arguments={"region": "us-west1", "deep": {"limit": 42, "on": True}, "list": ["é"]})
    fit = {
        "mcp-param-region": "us-west1",
        "mcp-param-limit": "42",
        "mcp-param-on": "true",
        "mcp-param-e": encoded("é"),
    }
    assert checked_params(head_of(fields(fit)), call) == tuple(fields(fit))
    for wrong in ("eu-west1", "True", "", "=?base64?!?="):
        with pytest.raises(McpError) as caught:
            checked_params(head_of(fields({"mcp-param-region": wrong})), call)
        assert (caught.value.number, caught.value.of) == (-32020, 5)
    with pytest.raises(McpError, match="too many"):
        head_of([(b"mcp-param-%d" % number, b"x") for number in range(headers.MOST_PARAMS + 1)])
    assert checked_params(head_of([]), call) == ()


def test_servers_are_sent_what_the_body_says() -> None:
    """Method and name to servers of the stateless era, the version alone to others."""
    call = asked(name="drop é")
    assert dict(fields_for(call, "2026-07-28", [(b"mcp-param-x", b"1")])) == {
        b"mcp-protocol-version": b"2026-07-28",
        b"mcp-method": b"tools/call",
        b"mcp-name": encoded("drop é").encode(),
        b"mcp-param-x": b"1",
    }
    assert fields_for(call, "2025-11-25", [(b"mcp-param-x", b"1")]) == [(b"mcp-protocol-version", b"2025-11-25")]
    assert fields_for(call, "") == []


@given(value=st.text(max_size=30))
def test_every_value_survives_its_field(value: str) -> None:
    """Whatever a name holds, its field is plain ASCII without white space around it, and says the same."""
    text = encoded(value)
    assert decoded(text) == value
    assert text == text.strip()
    assert text.isascii()
    assert text.isprintable()
