"""Going on after refused calls, in all dialects: a history that providers take, and one well-formed answer."""

import json
from dataclasses import dataclass, replace

import orjson
import pytest

from firewall.codecs import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.continuing.interface import Told
from firewall.codecs.continuing.joined import JoinedStream, joined_answer
from firewall.codecs.continuing.registry import CONTINUERS
from firewall.codecs.continuing.values import objects
from firewall.codecs.interface import Codec, Pending, Released
from firewall.core.dialect import Dialect
from firewall.demo.dialects import anthropic as anthropic_there
from firewall.demo.dialects import gemini as gemini_there
from firewall.demo.dialects import openai_chat as chat_there
from firewall.demo.dialects import openai_responses as responses_there
from firewall.demo.dialects.interface import Dialect as There
from firewall.demo.plan import plan
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.seal import Seal
from tests.support.speaking import heard, request

SCRIPT = Script(
    scenes=(
        Scene(
            turns=(
                Turn(text="I remove it.", thinking="Hm.", calls=(Shell("rm -rf /a"), Shell("rm -rf /b"))),
                Turn(text="Then I look.", thinking="Ah.", calls=(Shell("ls"),)),
                Turn(text="Nothing to do."),
            )
        ),
    )
)
ROWS: dict[str, tuple[Dialect, Codec, There]] = {
    "anthropic": (Dialect.ANTHROPIC, anthropic, anthropic_there),
    "chat": (Dialect.OPENAI_CHAT, openai_chat, chat_there),
    "responses": (Dialect.OPENAI_RESPONSES, openai_responses, responses_there),
    "gemini": (Dialect.GEMINI, gemini, gemini_there),
}
EVERY = pytest.mark.parametrize("name", list(ROWS))
THINKING: dict[str, dict[str, object]] = {
    "anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4000},
    "responses": {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]},
}


@dataclass(frozen=True, slots=True)
class Play:
    """One dialect with its codec, its strict provider and a request."""

    name: str
    value: dict[str, object]
    path: str

    @property
    def codec(self) -> Codec:
        """Ours."""
        return ROWS[self.name][1]

    def stream(self, value: dict[str, object]) -> bytes:
        """Return what the provider streams for a request; it refuses a history that breaks its rules."""
        there = ROWS[self.name][2]
        conversation = replace(there.read(value, self.path, seal=Seal.of(SCRIPT.seed)), is_streamed=True)
        return b"".join(frame.data for frame in there.frames(plan(SCRIPT, conversation)))

    def again(self, value: dict[str, object], stream: bytes) -> tuple[bytes, dict[str, object]]:
        """Refuse every call of a stream; return what had left by then, and the request that tells of it."""
        codec = self.codec.stream()
        steps = [codec.feed(stream), codec.close()]
        told = [Told(one, f"no to {one.call.arguments}") for step in steps for one in step.calls]
        assert told
        found = CONTINUERS[ROWS[self.name][0]].again(value, self.codec.answer_of(stream), told)
        assert found is not None
        return b"".join(step.forward for step in steps), dict(found)

    def join(self, sent: bytes, stream: bytes, *, step: int = 0, written: int = 7) -> bytes:
        """Join a stream to what was sent, releasing its calls; `step`: bytes at a time."""
        follower = CONTINUERS[ROWS[self.name][0]].follower(sent, written)
        codec = JoinedStream(self.codec.stream(), follower)
        out = b""
        size = step or len(stream)
        for place in range(0, len(stream), size):
            found = codec.feed(stream[place : place + size])
            out += found.forward + b"".join(codec.rule(one.slot, Released()).forward for one in found.calls)
        found = codec.close()
        return out + found.forward + b"".join(codec.rule(one.slot, Released()).forward for one in found.calls)


def play(name: str) -> Play:
    """Return a request with a tool, with thinking where the dialect must be asked for it."""
    path, body = request(name, "clean up", stream=True, **THINKING.get(name, {}))  # type: ignore[arg-type]  # options
    return Play(name, body, path.partition("?")[0])


@EVERY
def test_the_model_hears_of_its_refused_calls_in_words_that_its_provider_takes(name: str) -> None:
    """The history passes our own reader and the provider's rules; each call has its own refusal as its result."""
    one = play(name)
    _, again = one.again(one.value, one.stream(one.value))
    body = orjson.dumps(again)
    path = f"{one.path}?alt=sse" if name == "gemini" else one.path
    assert one.codec.read_request(body, again, {}, path).stream
    assert "rm -rf /a" in body.decode().split("no to ")[1]
    assert "rm -rf /b" in body.decode().split("no to ")[2]
    assert b"Then I look." in one.stream(again).replace(b'"}', b"") or "look" in json.dumps(
        orjson.loads(one.codec.answer_of(one.stream(again)))
    )


@EVERY
@pytest.mark.parametrize("step", [0, 1, 97], ids=["whole", "bytes", "pieces"])
def test_the_client_has_one_well_formed_answer(name: str, step: int) -> None:
    """What was said first, what is said then with its call, one beginning, one end, and no refused call."""
    one = play(name)
    sent, again = one.again(one.value, one.stream(one.value))
    joined = sent + one.join(sent, one.stream(again), step=step)
    said = heard(name, 200, {"content-type": "text/event-stream"}, joined.decode())
    assert (said.ends, said.is_last, said.error) == (1, True, "")
    assert said.text.replace("\n\n", "") == "I remove it.Then I look."
    assert said.commands == ["ls"]
    assert b"rm -rf" not in joined
    whole = one.codec.answer_of(joined)
    assert [pending.call.arguments for pending in one.codec.read_answer(whole).calls]


@EVERY
def test_it_may_go_on_more_than_once(name: str) -> None:
    """A second refusal is told as the first was, and the third answer still belongs to the same one."""
    one = play(name)
    sent, again = one.again(one.value, one.stream(one.value))
    second = one.stream(again)
    follower = CONTINUERS[ROWS[name][0]].follower(sent, 1)
    codec = JoinedStream(one.codec.stream(), follower)
    steps = [codec.feed(second), codec.close()]
    told = [Told(pending, "no") for found in steps for pending in found.calls]
    third_value = CONTINUERS[ROWS[name][0]].again(again, one.codec.answer_of(second), told)
    assert third_value is not None
    more = sent + b"".join(found.forward for found in steps)
    joined = more + one.join(more, one.stream(dict(third_value)))
    said = heard(name, 200, {"content-type": "text/event-stream"}, joined.decode())
    assert (said.ends, said.is_last, said.calls) == (1, True, [])
    assert said.text.replace("\n\n", "") == "I remove it.Then I look.Nothing to do."


@EVERY
def test_the_joined_answer_counts_what_all_of_it_took(name: str) -> None:
    """The client's count of what was written has the earlier answer's tokens in it."""
    one = play(name)
    sent, again = one.again(one.value, one.stream(one.value))
    second = one.stream(again)
    alone = one.codec.read_answer(one.codec.answer_of(second)).usage
    joined = one.codec.read_answer(one.codec.answer_of(sent + one.join(sent, second, written=1000))).usage
    assert joined.output_tokens == alone.output_tokens + (1000 if alone.output_tokens else 0)
    assert joined.input_tokens in {alone.input_tokens, joined.input_tokens}


@EVERY
def test_whole_answers_are_joined_as_streams_are(name: str) -> None:
    """Asked without a stream, the client has the same words and calls in one body."""
    one = play(name)
    first = one.codec.answer_of(one.stream(one.value))
    _, again = one.again(one.value, one.stream(one.value))
    second = one.codec.answer_of(one.stream(again))
    whole = joined_answer(one.codec, CONTINUERS[ROWS[name][0]], first=first, second=second, written=3)
    said = heard(name, 200, {"content-type": "application/json"}, whole.decode())
    assert said.commands == ["ls"]
    assert said.text.endswith("Then I look.")
    assert b"rm -rf" not in whole


@EVERY
def test_a_broken_answer_ends_in_one_error(name: str) -> None:
    """What breaks while it goes on ends in the dialect's own error event, behind what was said."""
    one = play(name)
    sent, again = one.again(one.value, one.stream(one.value))
    codec = JoinedStream(one.codec.stream(), CONTINUERS[ROWS[name][0]].follower(sent, 0))
    cut = one.stream(again)[:400]
    out = sent + codec.feed(cut).forward + codec.keepalive("codex") + codec.close().forward
    said = heard(name, 200, {"content-type": "text/event-stream"}, out.decode())
    assert (said.ends, said.is_last) == (1, True)
    assert said.error
    assert codec.usage.output_tokens >= 0
    assert isinstance(codec.issued, tuple)


NO_GO: dict[str, list[dict[str, object]]] = {
    "anthropic": [
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "tool", "name": "bash"}},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "I"}]},
        {"messages": []},
    ],
    "chat": [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "bash"}}},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "I"}]},
    ],
    "responses": [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "name": "bash"}},
        {"input": 3},
    ],
    "gemini": [
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
        {"tool_config": {"function_calling_config": {"mode": "any"}}},
        {"contents": [{"role": "user", "parts": []}, {"role": "model", "parts": []}]},
    ],
}


@pytest.mark.parametrize(("name", "change"), [(name, change) for name in NO_GO for change in NO_GO[name]])
def test_who_must_call_is_not_asked_again(name: str, change: dict[str, object]) -> None:
    """A forced call, or an answer that the client began, has no way on: the refusal is explained instead."""
    one = play(name)
    stream = one.stream(one.value)
    codec = one.codec.stream()
    calls = [*codec.feed(stream).calls, *codec.close().calls]
    told = [Told(pending, "no") for pending in calls]
    continuer = CONTINUERS[ROWS[name][0]]
    answer = one.codec.answer_of(stream)
    assert continuer.again({**one.value, **change}, answer, told) is None
    assert continuer.again(one.value, answer, told[:1]) is None
    stranger = [Told(Pending(9, replace(one.pending.call, id="other", name="x")), "no") for one in told]
    assert continuer.again(one.value, answer, stranger) is None


def next_turn(one: Play, whole: bytes) -> dict[str, object]:
    """Return the request with which a client reports that it ran the call of a joined answer."""
    value, answer = one.value, orjson.loads(whole)
    match one.name:
        case "anthropic":
            ident = next(block["id"] for block in answer["content"] if block["type"] == "tool_use")
            result = {"type": "tool_result", "tool_use_id": ident, "content": "a b"}
            turns = [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
            return {**value, "messages": [*objects(value["messages"]), *turns]}
        case "chat":
            message = answer["choices"][0]["message"]
            result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "a b"}
            return {**value, "messages": [*objects(value["messages"]), message, result]}
        case "responses":
            call = next(item for item in answer["output"] if item["type"] == "function_call")
            result = {"type": "function_call_output", "call_id": call["call_id"], "output": "a b"}
            return {**value, "input": [{"role": "user", "content": value["input"]}, *answer["output"], result]}
        case _:
            content = answer["candidates"][0]["content"]
            name = next(part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part)
            result = {"role": "user", "parts": [{"functionResponse": {"name": name, "response": {"output": "a"}}}]}
            return {**value, "contents": [*objects(value["contents"]), content, result]}


@EVERY
def test_the_history_that_the_client_sends_back_is_accepted(name: str) -> None:
    """The client never saw the refused calls; what it sends back of the joined answer breaks no rule."""
    one = play(name)
    sent, again = one.again(one.value, one.stream(one.value))
    whole = one.codec.answer_of(sent + one.join(sent, one.stream(again)))
    value = next_turn(one, whole)
    path = f"{one.path}?alt=sse" if name == "gemini" else one.path
    assert one.codec.read_request(orjson.dumps(value), value, {}, path).stream
    assert one.stream(value)
