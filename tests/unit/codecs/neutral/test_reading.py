"""What readers of all dialects share: typed fields, names of tools, media by value, what an error is."""

from collections.abc import Callable

import pytest

from firewall.codecs.neutral import faults, fields, media, names
from firewall.codecs.neutral.events import Fault
from firewall.codecs.neutral.form import Tool
from firewall.core.errors import ProtocolError

VALUE = {"s": "a", "b": True, "i": 1, "f": 0.5, "o": {}, "l": [{}], "t": ["a"], "null": None, "bad": [1]}


def test_fields_are_read_by_their_type() -> None:
    """What is null or missing is not said, where it may be."""
    assert fields.text(VALUE, "s") == fields.optional_text(VALUE, "s") == "a"
    assert fields.optional_text(VALUE, "null") == ""
    assert (fields.flag(VALUE, "b"), fields.flag(VALUE, "x")) == (True, None)
    assert (fields.whole(VALUE, "i"), fields.whole(VALUE, "x")) == (1, None)
    assert (fields.number(VALUE, "f"), fields.number(VALUE, "i"), fields.number(VALUE, "x")) == (0.5, 1, None)
    assert fields.table(VALUE, "o") == fields.optional_table(VALUE, "o") == {}
    assert fields.optional_table(VALUE, "null") is None
    assert list(fields.tables(VALUE, "l", "w")) == [("w.l.0", {})]
    assert list(fields.tables(VALUE, "null")) == []
    assert (fields.texts(VALUE, "t"), fields.texts(VALUE, "null")) == (("a",), ())


@pytest.mark.parametrize(
    "read", [fields.text, fields.flag, fields.whole, fields.number, fields.table, fields.texts]
)
def test_a_field_of_a_wrong_type_is_refused_by_its_path(read: Callable[..., object]) -> None:
    """The error names the whole path."""
    with pytest.raises(ProtocolError, match=r"`w\.bad` must be") as refused:
        read(VALUE, "bad", "w")
    assert refused.value.code == "invalid_request"


def test_a_list_of_objects_holds_objects() -> None:
    """Neither a lone object nor a number in the list passes; true is no number."""
    with pytest.raises(ProtocolError, match=r"`bad\.0` must be an object"):
        list(fields.tables(VALUE, "bad"))
    with pytest.raises(ProtocolError, match="`o` must be a list"):
        list(fields.tables(VALUE, "o"))
    with pytest.raises(ProtocolError, match="`b` must be a number"):
        fields.number(VALUE, "b")


def test_names_that_fit_are_left_alone_and_others_are_told_back() -> None:
    """A long MCP name and one with a namespace come back as they were; histories and declarations match."""
    long = "mcp__" + "x" * 80
    tools = [Tool("Bash"), Tool(long), Tool("exec", namespace="functions"), Tool("a.b")]
    told = names.renamed(tools)
    assert {one for _, one in told.values()} == {long, "exec", "a.b"}
    assert told["exec"] == ("functions", "exec")
    assert names.fitted("Bash") == "Bash"
    assert all(len(wire) <= 64 for wire in told)
    assert names.fitted(long) in told
    assert names.fitted(long, longest=128) == long
    assert names.fitted("a.b") != names.fitted("a-b")


@pytest.mark.parametrize(
    "tools",
    [
        (Tool("b__c", namespace="a"), Tool("c", namespace="a__b")),
        (Tool("a__b"), Tool("b", namespace="a")),
        (Tool("run"), Tool("run", namespace="functions")),
    ],
)
def test_two_tools_never_share_a_name(tools: tuple[Tool, ...]) -> None:
    """A call by that name could be of either, so neither is offered; one that is declared twice is one."""
    with pytest.raises(ProtocolError, match="another tool has the same name"):
        names.renamed(tools)
    assert names.renamed((tools[1], tools[1])) == names.renamed((tools[1],))


def test_media_by_value() -> None:
    """A data address is taken apart and put together; text is unpacked; what is neither is told."""
    assert media.parse_data_url("data:image/png;base64,AAAA") == ("image/png", "AAAA")
    assert media.parse_data_url("data:;base64,AAAA") == ("text/plain", "AAAA")
    assert media.parse_data_url("data:text/plain;charset=utf-8;base64,YQ==") == ("text/plain", "YQ==")
    assert media.parse_data_url("https://example.com/a.png") is None
    assert media.parse_data_url("data:text/plain,a") is None
    assert media.data_url("image/png", "AAAA") == "data:image/png;base64,AAAA"
    assert media.plain_text(media.packed_text("äß")) == "äß"
    assert media.plain_text("!") is None
    assert media.plain_text("/w==") is None
    assert (media.is_text("text/markdown"), media.is_text("application/pdf")) == (True, False)


@pytest.mark.parametrize(
    ("status", "message", "fault"),
    [
        (400, "messages: field required", Fault.INVALID),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", Fault.CONTEXT),
        (400, "This model's maximum context length is 8192 tokens", Fault.CONTEXT),
        (400, "Your credit balance is too low", Fault.BILLING),
        (429, "You exceeded your current quota", Fault.BILLING),
        (429, "slow down", Fault.RATE),
        (418, "tea", Fault.INVALID),
        (500, "context length", Fault.SERVER),
        (599, "", Fault.SERVER),
        (200, "", Fault.SERVER),
        (529, "", Fault.OVERLOADED),
    ],
)
def test_an_error_is_told_by_status_and_words(status: int, message: str, fault: Fault) -> None:
    """Where several errors share a status, the words decide."""
    assert faults.fault_of(status, message) is fault


def test_an_error_page_is_no_message() -> None:
    """Whatever a proxy answers, the client gets words and no exception."""
    assert faults.object_of(b"<html>") == faults.object_of(b"[1]") == faults.object_of(b"3") == {}
    assert faults.object_of(b'[{"error": {}}]') == {"error": {}}
    assert faults.words_of("  ", 502) == faults.words_of(None, 502) == "the provider answered with status 502"
    assert len(faults.words_of("x" * 9_000, 500)) == 2_000
