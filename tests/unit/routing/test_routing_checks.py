"""What an answer must be like: each check by itself, and what cannot be compiled."""

import pytest

from firewall.codecs.neutral.events import Answer, AnswerPart, Refusal, Stop
from firewall.codecs.neutral.form import Call, Text
from firewall.core.errors import ConfigError
from firewall.routing.checks import Checks, pattern_of, schema_of, text_of

SCHEMA = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}


def answer(text: str, *, stop: Stop = Stop.END, more: tuple[AnswerPart, ...] = ()) -> Answer:
    """Return an answer that says this."""
    parts: tuple[AnswerPart, ...] = (Text(text),) if text else ()
    return Answer(id="a", model="m", parts=(*parts, *more), stop=stop)


JSON = Checks(schema=schema_of(SCHEMA, "x", "f"))
WORDS = Checks(pattern=pattern_of("^(yes|no)\\b", "x", "f"))
LONG = Checks(min_chars=3, max_chars=5)
WILLING = Checks(refusals=True)


@pytest.mark.parametrize(
    ("checks", "found", "why"),
    [
        (JSON, answer('{"ok": true}'), ""),
        (JSON, answer('{"ok": 1}'), "json_schema"),
        (JSON, answer("not json"), "json_schema"),
        (JSON, answer('{"ok": true'), "json_schema"),
        (JSON, answer('{"ok": true}', stop=Stop.LENGTH), "cut_off"),
        (WORDS, answer("yes, it is"), ""),
        (WORDS, answer("maybe yes"), "matches"),
        (LONG, answer("ab"), "length"),
        (LONG, answer("abc"), ""),
        (LONG, answer("abcdef"), "length"),
        (LONG, answer(""), "length"),
        (WILLING, answer("Here you are."), ""),
        (WILLING, answer("I\N{RIGHT SINGLE QUOTATION MARK}m sorry, but I can't do that."), "refusal"),
        (WILLING, answer("I cannot assist with this request."), "refusal"),
        (WILLING, answer("The word refusal: I can't go on, said he."), ""),
        (WILLING, answer("no", stop=Stop.REFUSAL), "refusal"),
        (WILLING, answer("", more=(Refusal("no"),)), "refusal"),
        (JSON, answer("I call", stop=Stop.CALLS, more=(Call("c", "t", "{}"),)), ""),
    ],
)
def test_every_check_holds_or_is_named(checks: Checks, found: Answer, why: str) -> None:
    """The first that fails is named; an answer with calls is a step on the way and passes."""
    assert checks.failed(found) == why


def test_what_is_said_is_all_the_text() -> None:
    """Texts and refusals in order, thoughts and calls left out."""
    assert text_of(answer("a", more=(Refusal("b"), Text("c"), Call("i", "n", "{}")))) == "abc"


@pytest.mark.parametrize("schema", [{"type": "nope"}, {"$ref": "http://127.0.0.1:1/x.json"}, [], "text", None])
def test_what_is_no_schema_is_refused(schema: object) -> None:
    """At load, with where it stands; nothing is fetched."""
    with pytest.raises(ConfigError, match="`x` is no JSON schema"):
        schema_of(schema, "`x`", "f")


@pytest.mark.parametrize("pattern", ["(", "(?=a)b", "(a)\\1"])
def test_a_pattern_that_could_take_long_is_refused(pattern: str) -> None:
    """Look-around and back references are none of the linear engine's; what nests is, and is quick."""
    with pytest.raises(ConfigError, match="is no regular expression"):
        pattern_of(pattern, "`x`", "f")
    assert Checks(pattern=pattern_of("^(a+)+$", "x", "f")).failed(answer("a" * 100_000 + "b")) == "matches"
