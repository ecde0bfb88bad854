"""The normal form of a conversation, marks on thinking, the rule of losses, the registry."""

import json

import pytest

from firewall.codecs.neutral import marks, registry
from firewall.codecs.neutral.form import Call, Request, Result, Role, Text, Turn
from firewall.codecs.neutral.losses import Losses, only, unanswerable, untranslatable
from firewall.codecs.neutral.returning import without_foreign_thinking
from firewall.codecs.neutral.translate import translate_request
from firewall.codecs.neutral.turns import joined
from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError, ProtocolError


def test_neighbours_become_one_turn_and_results_come_first() -> None:
    """Empty texts and turns go, one speaker has one turn, results stand before words; system turns stay apart."""
    said, gave = Text("a"), Result("x", (Text("1"),))
    turns = [
        Turn(Role.USER, (said,)), Turn(Role.USER, (Text(""),)), Turn(Role.USER, (gave,)), Turn(Role.ASSISTANT, ()),
        Turn(Role.SYSTEM, (said,)), Turn(Role.SYSTEM, (said,)), Turn(Role.ASSISTANT, (said,)),
        Turn(Role.ASSISTANT, (said,)),
    ]  # fmt: skip
    system = Turn(Role.SYSTEM, (said,))
    assert joined(turns) == (Turn(Role.USER, (gave, said)), system, system, Turn(Role.ASSISTANT, (said, said)))


def test_a_result_finds_the_name_of_its_tool() -> None:
    """Dialects that repeat the tool's name with its result get it from the call."""
    call = Call("x", "Bash", "{}")
    request = Request(model="m", turns=(Turn(Role.ASSISTANT, (Text("a"), call)),))
    assert (request.tool_of("x"), request.tool_of("y")) == ("Bash", "")


def test_a_mark_says_whose_thinking_it_is() -> None:
    """Origin and seal come back; what is no mark of ours is a seal of nobody that we know."""
    assert marks.unmarked(marks.marked("mine/β", "se.al")) == ("mine/β", "se.al")
    for foreign in ("", "EqoBCkgIARAB", f"{marks.MARK}x", f"{marks.MARK}!.!", f"{marks.MARK}_w.YQ"):
        assert marks.unmarked(foreign) == ("", foreign)


def test_marked_thinking_leaves_a_request_that_stays_in_its_dialect() -> None:
    """A session that comes back to its own provider loses the other's thoughts and nothing else."""
    mark = marks.marked("other", "")
    thought = {"type": "thinking", "thinking": "hm", "signature": mark}
    said = {"type": "text", "text": "a"}
    value = {
        "model": "m", "messages": [
            {"role": "user", "content": "a"}, {"role": "assistant", "content": [thought, said]},
            {"role": "assistant", "content": [thought]}, "odd",
        ],
    }  # fmt: skip
    left = json.loads(without_foreign_thinking(json.dumps(value).encode()))
    assert left["messages"] == [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": [said]}, "odd",
    ]  # fmt: skip
    items = {"input": [{"type": "reasoning", "encrypted_content": mark, "summary": []}, {"type": "message"}]}
    assert json.loads(without_foreign_thinking(json.dumps(items).encode()))["input"] == [{"type": "message"}]


def test_a_request_without_marks_stays_byte_for_byte() -> None:
    """Also one whose text merely speaks of a mark."""
    for text in ("plain", f"what is {marks.MARK}?"):
        body = json.dumps({"messages": [{"role": "user", "content": text}]}, indent=2).encode()
        assert without_foreign_thinking(body) is body


def test_losses_are_listed_once_and_in_order() -> None:
    """What is null was not said, so it is not lost."""
    losses = Losses()
    losses.add("metadata")
    losses.add_those({"user": "u", "seed": None, "metadata": {}}, ("user", "seed", "metadata", "tier"))
    assert losses.names == ("metadata", "user")


def test_what_cannot_be_carried_is_refused_by_name() -> None:
    """The error names the field, the code is stable, and a null field is no field."""
    with pytest.raises(ProtocolError, match=r"`tools\.2`") as refused:
        untranslatable("tools.2", "it is run by the provider")
    assert (refused.value.code, refused.value.status) == ("untranslatable", 400)
    with pytest.raises(ProtocolError) as given:
        unanswerable("an image")
    assert (given.value.code, given.value.status) == ("untranslatable_answer", 502)
    only({"a": 1, "b": None}, frozenset({"a"}), "")
    with pytest.raises(ProtocolError, match=r"`messages\.0\.b`"):
        only({"a": 1, "b": 2}, frozenset({"a"}), "messages.0")
    with pytest.raises(ProtocolError, match="`b`"):
        only({"b": 2}, frozenset(), "")


def test_a_dialect_that_nothing_translates_is_an_error_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said by name, at the latest when it is asked for; within one dialect nothing is translated."""
    monkeypatch.setattr(registry, "READERS", {})
    monkeypatch.setattr(registry, "WRITERS", {})
    assert not registry.translates(Dialect.GEMINI, Dialect.ANTHROPIC)
    with pytest.raises(ConfigError, match="from the dialect `gemini`"):
        registry.reader(Dialect.GEMINI)
    with pytest.raises(ConfigError, match="to the dialect `gemini`"):
        registry.writer(Dialect.GEMINI)
    with pytest.raises(ValueError, match="as they are"):
        translate_request({}, source=Dialect.GEMINI, target=Dialect.GEMINI, model="m")
