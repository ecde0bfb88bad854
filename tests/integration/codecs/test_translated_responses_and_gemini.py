"""The openai SDK's Responses and the google-genai SDK read translated streams, answers and errors as their own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import openai
import pytest
from google import genai
from google.genai import errors, types

from firewall.codecs.neutral.translate import translate_error
from firewall.core.dialect import Dialect
from tests.support import translated

RESPONSES, GEMINI = Dialect.OPENAI_RESPONSES, Dialect.GEMINI


@dataclass(slots=True)
class Canned:
    """What every request is answered with."""

    body: bytes = b""
    status: int = 200

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        del request
        is_stream = self.body.startswith((b"event:", b"data:"))
        kind = "text/event-stream" if is_stream else "application/json"
        return httpx2.Response(self.status, headers={"content-type": kind}, content=self.body)


@pytest.fixture(scope="module")
def canned() -> Canned:
    return Canned()


@pytest.fixture(scope="module")
def gpt(canned: Canned) -> Iterator[openai.OpenAI]:
    """Making a client costs more than all that it does here."""
    transport = httpx2.MockTransport(canned.answer)
    with openai.OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport)) as client:
        yield client


@pytest.fixture(scope="module")
def google(canned: Canned) -> genai.Client:
    transport = httpx2.MockTransport(canned.answer)
    return genai.Client(
        api_key="k", http_options=types.HttpOptions(httpx_client=httpx2.Client(transport=transport))
    )


def _ended_well(client: Dialect) -> list[tuple[Dialect, str]]:
    """Return (provider, case) of the streams that end without an error in a client's dialect."""
    return [
        (provider, path.stem)
        for provider, other in translated.pairs()
        if other is client
        for path in sorted(translated.folder(provider, client).glob("*.sse"))
        if b'"error":{' not in path.read_bytes() and b"event: error" not in path.read_bytes()
    ]


def _asked_in(provider: Dialect, name: str) -> list[tuple[str, object]]:
    """Return the calls that a provider's own codec finds in its stream; what it does not know never crosses."""
    step = translated.CODECS[provider].stream().feed(translated.recorded(provider)[name])
    calls = [one.call for one in step.calls if not one.call.name.startswith("unknown:")]
    return sorted(((call.name, _plain(call.arguments)) for call in calls), key=repr)


def _plain(arguments: bytes | str) -> object:
    try:
        return json.loads(arguments or "{}")
    except ValueError:  # a freeform tool's
        return arguments.decode() if isinstance(arguments, bytes) else arguments


def _file(provider: Dialect, client: Dialect, name: str) -> bytes:
    return (translated.folder(provider, client) / name).read_bytes()


def _whole(provider: Dialect, client: Dialect, name: str) -> bytes:
    answer = json.loads(_file(provider, client, "answers.json")).get(name)
    return b"" if answer is None or "refused" in answer else json.dumps(answer).encode()


def _called(response: openai.types.responses.Response) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for item in response.output:
        if item.type == "function_call":
            found.append((item.name, _plain(item.arguments)))
        elif item.type == "custom_tool_call":
            found.append((item.name, item.input))
    return sorted(found, key=repr)


@pytest.mark.parametrize(("provider", "name"), _ended_well(RESPONSES))
def test_the_openai_sdk_reads_what_others_said(
    canned: Canned, gpt: openai.OpenAI, provider: Dialect, name: str
) -> None:
    """Its accumulator ends with every call once, and with what the same answer says as a whole."""
    canned.status, canned.body = 200, _file(provider, RESPONSES, f"{name}.sse")
    with gpt.responses.stream(model="m", input="go") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response() if kinds[-1] == "response.completed" else None
    assert kinds[-1] in ("response.completed", "response.incomplete")
    assert sum(kind in ("response.completed", "response.incomplete", "response.failed") for kind in kinds) == 1
    if final is None:
        return
    assert _called(final) == _asked_in(provider, name)
    canned.body = _whole(provider, RESPONSES, name)
    if canned.body:
        whole = gpt.responses.create(model="m", input="go")
        assert (whole.output_text, _called(whole)) == (final.output_text, _called(final))


@pytest.mark.parametrize(("provider", "name"), _ended_well(GEMINI))
def test_the_genai_sdk_reads_what_others_said(
    canned: Canned, google: genai.Client, provider: Dialect, name: str
) -> None:
    """Chunks hold every call once, the usage and a reason for the end; the whole answer says the same."""
    canned.status, canned.body = 200, _file(provider, GEMINI, f"{name}.sse")
    chunks = list(google.models.generate_content_stream(model="m", contents="go"))
    assert _made(chunks) == _asked_in(provider, name)
    ends = [one.finish_reason for chunk in chunks for one in chunk.candidates or [] if one.finish_reason]
    assert len(ends) == 1
    assert chunks[-1].usage_metadata is not None
    canned.body = _whole(provider, GEMINI, name)
    if canned.body:
        whole = google.models.generate_content(model="m", contents="go")
        assert _made([whole]) == _made(chunks)


def _made(answers: list[types.GenerateContentResponse]) -> list[tuple[str, object]]:
    parts = [
        part
        for answer in answers
        for one in answer.candidates or []
        for part in (one.content.parts or [] if one.content else [])
    ]
    calls = [part.function_call for part in parts if part.function_call]
    return sorted(((str(call.name), call.args) for call in calls), key=repr)


ERRORS = [
    (provider, name)
    for provider in Dialect
    for name in (translated.stored(provider, "errors") if provider in translated.known() else ())
]


def _told(canned: Canned, provider: Dialect, client: Dialect, name: str) -> int:
    value = translated.stored(provider, "errors")[name]
    assert isinstance(value, dict)
    body = value["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    canned.status, canned.body = translate_error(translated.asked(client, provider), value["status"], raw)
    return canned.status


@pytest.mark.parametrize(("provider", "name"), [one for one in ERRORS if one[0] is not RESPONSES])
def test_the_openai_sdk_tells_errors_of_others(
    canned: Canned, gpt: openai.OpenAI, provider: Dialect, name: str
) -> None:
    """Status, message and our code come out of its exception."""
    status = _told(canned, provider, RESPONSES, name)
    with pytest.raises(openai.APIStatusError) as caught:
        gpt.responses.create(model="m", input="go")
    assert (caught.value.status_code, bool(caught.value.code)) == (status, True)


@pytest.mark.parametrize(("provider", "name"), [one for one in ERRORS if one[0] is not GEMINI])
def test_the_genai_sdk_tells_errors_of_others(
    canned: Canned, google: genai.Client, provider: Dialect, name: str
) -> None:
    """Status and our code come out of its exception."""
    status = _told(canned, provider, GEMINI, name)
    with pytest.raises(errors.APIError) as caught:
        google.models.generate_content(model="m", contents="go")
    assert caught.value.code == status
    assert '"reason"' in json.dumps(caught.value.details)
