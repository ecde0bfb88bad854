"""What a client sends back after a ruled answer, under the rules of the scripted provider."""

import itertools
import json

import pytest

from firewall.codecs import gemini, openai_responses
from firewall.codecs.interface import Refused, Released
from firewall.demo.conversation import Reply, Spoken
from firewall.demo.dialects import gemini as gemini_rules
from firewall.demo.dialects import openai_responses as responses_rules
from firewall.demo.seal import Seal
from tests.support.stream_play import play

SEAL = Seal.of("history")
PATH = "/v1beta/models/m:generateContent"
SUBSETS = [refused for size in range(4) for refused in itertools.combinations(range(3), size)]
subsets = pytest.mark.parametrize("refused", SUBSETS, ids=str)
texts = pytest.mark.parametrize("said", ["", "I will do three things."], ids=["silent", "spoken"])


def reply(said: str) -> Reply:
    """Return an answer with thinking and three parallel calls."""
    calls = tuple(
        Spoken(id=f"call_{n}", name="run", arguments=json.dumps({"command": f"rm {n}"})) for n in range(3)
    )
    return Reply(
        id="a1",
        turn_id="t1",
        model="m",
        text=said,
        thinking="Three are needed.",
        calls=calls,
        fault=None,
        input_tokens=9,
        seal=SEAL,
    )


def decide(refused: tuple[int, ...]) -> object:
    """Return a decision that refuses these slots."""
    return lambda slot: Refused("not approved: apr_1") if slot in refused else Released()


@subsets
@texts
def test_responses_history_after_refusals_is_accepted(refused: tuple[int, ...], said: str) -> None:
    """Whatever is refused, the output items sent back with the outputs of the released calls are accepted."""
    given = reply(said)
    raw = b"".join(frame.data for frame in responses_rules.frames(given))
    streamed = openai_responses.answer_of(play(openai_responses, [raw], decide(refused)).forward)
    whole = json.dumps(responses_rules.answer(given)).encode()
    rulings = {
        one.slot: decide(refused)(place) for place, one in enumerate(openai_responses.read_answer(whole).calls)
    }
    for answer in (streamed, openai_responses.rule_answer(whole, rulings)):
        output = json.loads(answer)["output"]
        calls = [item for item in output if item["type"] == "function_call"]
        assert len(calls) == 3 - len(refused)
        outputs = [{"type": "function_call_output", "call_id": one["call_id"], "output": "ok"} for one in calls]
        user = {"type": "message", "role": "user", "content": "go"}
        back = {"model": "m", "input": [user, *output, *outputs]}
        assert responses_rules.read(back, "", seal=SEAL).prompt == "go"
        openai_responses.read_request(json.dumps(back).encode(), back, {}, "")


@subsets
@texts
def test_gemini_history_after_refusals_is_accepted(refused: tuple[int, ...], said: str) -> None:
    """Whatever is refused, the content sent back with the responses of the released calls is accepted."""
    given = reply(said)
    raw = b"".join(frame.data for frame in gemini_rules.frames(given))
    streamed = gemini.answer_of(play(gemini, [raw], decide(refused)).forward)
    whole = json.dumps(gemini_rules.answer(given)).encode()
    rulings = {one.slot: decide(refused)(one.slot) for one in gemini.read_answer(whole).calls}
    for answer in (streamed, gemini.rule_answer(whole, rulings)):
        content = json.loads(answer)["candidates"][0]["content"]
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        assert len(calls) == 3 - len(refused)
        outputs = [{"functionResponse": {"name": one["name"], "response": {"output": "ok"}}} for one in calls]
        contents = [{"role": "user", "parts": [{"text": "go"}]}, content]
        contents.append({"role": "user", "parts": outputs or [{"text": "and now?"}]})
        back = {"contents": contents}
        assert gemini_rules.read(back, PATH, seal=SEAL).model == "m"
        gemini.read_request(json.dumps(back).encode(), back, {}, PATH)
