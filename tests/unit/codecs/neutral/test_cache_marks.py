"""What a provider of Anthropic's dialect shall cache of a conversation in another dialect."""

import json
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.neutral.translate import translate_request
from firewall.core.dialect import Dialect

TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("a", "b")]
Json = dict[str, object]


def sent(messages: list[Json], *, model: str = "claude-sonnet-5", marks: bool = True, **more: object) -> Json:
    """Return the Messages request of a Chat client's."""
    value = {"model": "m", "messages": messages, **more}
    made = translate_request(
        value, source=Dialect.OPENAI_CHAT, target=Dialect.ANTHROPIC, model=model, marks_cache=marks
    )
    found: Json = json.loads(made.body)
    return found


def talk(turns: int, *, system: str = "Be brief.") -> list[Json]:
    """Return a conversation in which the user has spoken so many times."""
    said: list[Json] = [{"role": "system", "content": system}]
    for turn in range(turns):
        said += [
            {"role": "user", "content": f"question {turn}"},
            {"role": "assistant", "content": f"answer {turn}"},
        ]
    return said[:-1]


def marked(value: object) -> Iterator[Mapping[str, object]]:
    """Yield every object with a mark."""
    if isinstance(value, Mapping):
        if "cache_control" in value:
            yield value
        for one in value.values():
            yield from marked(one)
    elif isinstance(value, list):
        for one in value:
            yield from marked(one)


def texts(body: Json) -> list[object]:
    """Return what the marked blocks say, or their names."""
    return [one.get("text") or one.get("name") or one.get("tool_use_id") for one in marked(body)]


def test_tools_instructions_and_two_turns_are_marked() -> None:
    """Four, which is the most; each at the end of what stays the same at the next turn."""
    body = sent(talk(3), tools=TOOLS)
    assert sorted(map(str, texts(body))) == ["Be brief.", "b", "question 1", "question 2"]
    assert all(one["cache_control"] == {"type": "ephemeral"} for one in marked(body))


def test_the_newest_mark_is_the_older_one_a_turn_later() -> None:
    """So what was written is read: up to that block the two requests are the same."""
    before, after = sent(talk(3), tools=TOOLS), sent(talk(4), tools=TOOLS)
    assert "question 2" in texts(before)
    assert "question 2" in texts(after)
    assert after["tools"] == before["tools"]
    assert after["system"] == before["system"]


def test_results_of_tools_are_turns() -> None:
    """An agent's loop is a conversation: the newest result is marked as a whole."""
    calls = [{"id": "c1", "type": "function", "function": {"name": "a", "arguments": "{}"}}]
    loop = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ]
    body = sent(loop, tools=TOOLS)
    assert texts(body)[-2:] != []
    assert {"b", "go"} <= set(texts(body))
    assert any(one.get("type") == "tool_result" for one in marked(body))


@pytest.mark.parametrize(
    ("messages", "more"),
    [
        (talk(1), {}),
        (talk(3), {"marks": False, "tools": TOOLS}),
        (talk(3), {"model": "claude-2.1", "tools": TOOLS}),
        (talk(3), {"model": "some-other-model", "tools": TOOLS}),
    ],
)
def test_nothing_is_marked_in_vain(messages: list[Json], more: Json) -> None:
    """A question that stands alone, a provider told not to, a model that caches nothing or that no table knows."""
    assert list(marked(sent(messages, **more))) == []  # type: ignore[arg-type]  # named options


@given(
    st.lists(
        st.tuples(st.sampled_from(["system", "user", "assistant"]), st.sampled_from(["", " ", "x", "long " * 9])),
        max_size=12,
    ),
    st.booleans(),
)
def test_marks_change_nothing_else(said: list[tuple[str, str]], has_tools: bool) -> None:  # noqa: FBT001 - drawn
    """At most four, none on an empty text; without them the request is what it is without caching."""
    messages: list[Json] = [{"role": "user", "content": "first"}]
    messages += [{"role": role, "content": text} for role, text in said]
    more: Json = {"tools": TOOLS} if has_tools else {}
    body, plain = sent(messages, **more), sent(messages, marks=False, **more)  # type: ignore[arg-type]  # named
    found = list(marked(body))
    assert len(found) <= 4
    assert all(one.get("type") != "text" or str(one["text"]).strip() for one in found)
    for one in found:
        del one["cache_control"]  # type: ignore[attr-defined]  # a dict
    system = body.get("system")
    if isinstance(system, list) and isinstance(plain.get("system"), str):
        body["system"] = system[0]["text"]
    assert body == plain
