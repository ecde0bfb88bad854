"""Ruled streams and answers, read by the providers' own SDKs."""

import json

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from openai import OpenAI

from firewall.codecs import gemini, openai_responses
from firewall.codecs.interface import ModelRequest, Refused, Released
from tests.support.stream_play import MARK, Case, cases, play

RESPONSES = [one for one in cases("openai_responses") if one.ends == "complete" and one.name != "error"]
GEMINI = [one for one in cases("gemini") if one.ends == "complete" and one.name not in ("error", "snake_case")]


def openai_client(body: bytes, kind: str = "text/event-stream") -> OpenAI:
    """Return a client whose every request is answered with `body`."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": kind}, content=body)

    return OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))


def gemini_client(body: bytes, kind: str = "text/event-stream") -> genai.Client:
    """Return a client whose every request is answered with `body`."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": kind}, content=body)

    options = types.HttpOptions(httpx_client=httpx2.Client(transport=httpx2.MockTransport(answer)))
    return genai.Client(api_key="k", http_options=options)


def refuse_all(_: int) -> Refused:
    return Refused("<refused>")


def refuse_first(slot: int) -> Refused | Released:
    return Refused("<refused>") if slot == 0 else Released()


def refuse_last(slot: int) -> Refused | Released:
    return Refused("<refused>") if slot else Released()


deciders = pytest.mark.parametrize("decide", [refuse_all, refuse_first, refuse_last], ids=lambda one: one.__name__)


def read_responses(body: bytes) -> object:
    with openai_client(body).responses.stream(model="m", input="x") as stream:
        for _ in stream:
            pass
        return stream._state._completed_response or stream._state


# The SDK itself warns about an item type that it does not know, once it is released.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("case", RESPONSES, ids=str)
@deciders
def test_openai_accumulates_a_ruled_stream(case: Case, decide: object) -> None:
    """The openai SDK's accumulator accepts a stream with refusals and ends with what was released."""
    ruled = play(openai_responses, [case.raw], decide)
    final = read_responses(ruled.forward)
    if case.name == "failed":
        return
    kept = {one.call.id for one in ruled.pending if isinstance(decide(one.slot), Released)} - {""}
    got = {getattr(item, "call_id", None) or item.id for item in final.output}
    assert kept <= got
    refused = {one.call.id for one in ruled.pending} - kept - {""}
    assert not refused & got
    assert final.status == "completed"
    if refused:
        assert "<refused>" in final.output_text
    if not kept and ruled.pending:
        assert MARK.decode() not in final.model_dump_json(warnings=False)


def test_openai_accepts_keepalives_in_between() -> None:
    """`response.in_progress`, repeated while a call is held, changes nothing for the SDK."""
    case = next(one for one in RESPONSES if one.name == "reasoning_then_call")
    stream = openai_responses.stream()
    out = b""
    for start in range(0, len(case.raw), 700):
        out += stream.feed(case.raw[start : start + 700]).forward
        out += stream.keepalive("codex")
    out += stream.rule(0, Released()).forward
    assert out.count(b"event: response.in_progress") > 5
    assert read_responses(out).output[-1].name == "exec_command"


def test_openai_sees_a_broken_off_stream_as_failed() -> None:
    """A stream that ends mid-call is a failed response to the SDK, with our code and no call."""
    case = next(one for one in cases("openai_responses") if one.name == "truncated_mid_call")
    played = play(openai_responses, [case.raw])
    with openai_client(played.forward).responses.stream(model="m", input="x") as stream:
        last = list(stream)[-1]
    assert last.type == "response.failed"
    assert last.response.error.code == "stream_truncated"


# The SDK itself warns about an item type that it does not know, once it is released.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("case", RESPONSES, ids=str)
@deciders
def test_openai_reads_whole_answers(case: Case, decide: object) -> None:
    """Whole answers, folded or ruled or unfolded again, are Responses objects to the SDK."""
    ruled = openai_responses.answer_of(play(openai_responses, [case.raw], decide).forward)
    client = openai_client(ruled, "application/json")
    assert client.responses.create(model="m", input="x").object == "response"
    unfolded = read_responses(openai_responses.stream_of(ruled))
    if case.name != "failed":
        assert unfolded.model_dump(mode="json", warnings=False)["output"] == [
            one.model_dump(mode="json", warnings=False)
            for one in read_responses(play(openai_responses, [case.raw], decide).forward).output
        ]


@pytest.mark.parametrize("case", GEMINI, ids=str)
@deciders
def test_genai_reads_a_ruled_stream(case: Case, decide: object) -> None:
    """The google-genai SDK reads a stream with refusals and finds the released calls."""
    ruled = play(gemini, [b"\n" + case.raw], decide)
    found = list(gemini_client(ruled.forward).models.generate_content_stream(model="m", contents="x"))
    calls = [call.name for chunk in found for call in _calls(chunk)]
    kept = [one.call.name for one in ruled.pending if isinstance(decide(one.slot), Released)]
    assert calls == [name for name in kept if not name.startswith("unknown:")]
    whole = gemini.answer_of(ruled.forward)
    answer = gemini_client(whole, "application/json").models.generate_content(model="m", contents="x")
    assert [call.name for call in _calls(answer)] == calls


def _calls(answer: types.GenerateContentResponse) -> list[types.FunctionCall]:
    parts = [part for one in answer.candidates or [] for part in (one.content.parts or [] if one.content else [])]
    return [part.function_call for part in parts if part.function_call]


def test_genai_raises_our_error_for_a_broken_off_stream() -> None:
    """A stream that ends mid-call is an API error to the SDK, with our code in its details, and holds no call."""
    case = next(one for one in cases("gemini") if one.name == "truncated_mid_call")
    played = play(gemini, [case.raw], late=True)
    found = gemini_client(played.forward).models.generate_content_stream(model="m", contents="x")
    assert _calls(next(found)) == []
    with pytest.raises(errors.ServerError) as caught:
        next(found)
    assert "stream_truncated" in json.dumps(caught.value.details)


def test_refusals_are_answers_to_both_sdks() -> None:
    """A request that is refused before it is sent gets an ordinary answer, whole and streamed."""
    request = ModelRequest(model="m", stream=False, body=b"{}", identity={})
    whole = openai_responses.refusal(request, "not here")
    assert (
        openai_client(whole, "application/json").responses.create(model="m", input="x").output_text == "not here"
    )
    assert read_responses(openai_responses.stream_of(whole)).output_text == "not here"
    whole = gemini.refusal(request, "not here")
    client = gemini_client(whole, "application/json")
    assert client.models.generate_content(model="m", contents="x").text == "not here"
    stream = gemini_client(gemini.stream_of(whole)).models.generate_content_stream(model="m", contents="x")
    assert [chunk.text for chunk in stream] == ["not here"]
