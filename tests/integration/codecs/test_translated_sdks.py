"""The official SDKs read translated streams and answers as their own provider's."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from pathlib import Path

import anthropic
import openai
import pytest

from firewall.codecs.neutral.translate import translate_error
from firewall.core.dialect import Dialect
from firewall.demo.serving import served
from tests.support import translated

Message = MutableMapping[str, object]
GOOD = re.compile(rb'"(?:stop_reason|finish_reason)":"(?:end_turn|tool_use|stop|tool_calls)"')
ODD = re.compile(rb'^event: error$|^data: \{"error"|"type":"custom"', re.MULTILINE)


def plain_to(client: Dialect) -> list[tuple[Dialect, str]]:
    """Return (provider, case) of the streams that end well, with calls that the SDKs' helpers join."""
    return [
        (provider, path.stem)
        for provider, other in translated.pairs()
        for path in sorted(translated.folder(provider, other).glob("*.sse"))
        if other is client and _is_plain(path)
    ]


def _is_plain(path: Path) -> bool:
    """Tell whether a stream ends well, folds into a whole answer, and has calls of the usual form."""
    raw = path.read_bytes()
    answers = json.loads((path.parent / "answers.json").read_bytes())
    return bool(GOOD.search(raw)) and not ODD.search(raw) and path.stem in answers


class Canned:
    """An ASGI application that gives each request the same answer."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Read the request and answer it."""
        assert scope["type"] == "http"
        while (await receive()).get("more_body"):
            pass
        kind = b"text/event-stream" if self.body.startswith((b"data:", b"event:")) else b"application/json"
        fields = [(b"content-type", kind), (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": fields})
        await send({"type": "http.response.body", "body": self.body})


@pytest.fixture(scope="module")
def provider_of_all() -> Iterator[tuple[Canned, str]]:
    canned = Canned()
    with served(canned) as address:
        yield canned, address


@pytest.fixture
def canned(provider_of_all: tuple[Canned, str]) -> Canned:
    provider_of_all[0].status = 200
    return provider_of_all[0]


@pytest.fixture(scope="module")
def claude(provider_of_all: tuple[Canned, str]) -> Iterator[anthropic.Anthropic]:
    """Making a client costs more than all that it does here."""
    with anthropic.Anthropic(base_url=provider_of_all[1], api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def gpt(provider_of_all: tuple[Canned, str]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{provider_of_all[1]}/v1", api_key="k", max_retries=0) as client:
        yield client


def _calls_in(raw: bytes, provider: Dialect) -> list[tuple[str, object]]:
    """Return the calls that a provider's own codec finds in its stream; what it does not know never crosses."""
    step = translated.CODECS[provider].stream().feed(raw)
    calls = [one.call for one in step.calls if not one.call.name.startswith("unknown:")]
    return _sorted((call.name, json.loads(call.arguments or b"{}")) for call in calls)


def _sorted(calls: Iterable[tuple[str, object]]) -> list[tuple[str, object]]:
    return sorted(calls, key=repr)


def _streamed(provider: Dialect, client: Dialect, name: str) -> bytes:
    return (translated.folder(provider, client) / f"{name}.sse").read_bytes()


@pytest.mark.parametrize(("provider", "name"), plain_to(Dialect.ANTHROPIC))
def test_the_anthropic_sdk_reads_what_others_said(
    canned: Canned, claude: anthropic.Anthropic, provider: Dialect, name: str
) -> None:
    """Text, calls and the stop reason come out of its stream helper, and of the same answer given whole."""
    canned.body = _streamed(provider, Dialect.ANTHROPIC, name)
    with claude.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "go"}]) as stream:
        message = stream.get_final_message()
    found = _sorted((block.name, block.input) for block in message.content if block.type == "tool_use")
    assert found == _calls_in(translated.recorded(provider)[name], provider)
    assert message.stop_reason == ("tool_use" if found else "end_turn")
    answers = json.loads((translated.folder(provider, Dialect.ANTHROPIC) / "answers.json").read_bytes())
    canned.body = json.dumps(answers[name]).encode()
    whole = claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "go"}])
    assert _sorted((block.name, block.input) for block in whole.content if block.type == "tool_use") == found
    assert whole.usage.output_tokens == message.usage.output_tokens
    assert whole.usage.cache_read_input_tokens == message.usage.cache_read_input_tokens


@pytest.mark.parametrize(("provider", "name"), plain_to(Dialect.OPENAI_CHAT))
def test_the_openai_sdk_reads_what_others_said(
    canned: Canned, gpt: openai.OpenAI, provider: Dialect, name: str
) -> None:
    """Text, calls, finish reason and usage come out of its stream helper, and of the same answer given whole."""
    canned.body = _streamed(provider, Dialect.OPENAI_CHAT, name)
    with gpt.chat.completions.stream(model="m", messages=[{"role": "user", "content": "go"}]) as stream:
        completion = stream.get_final_completion()
    choice = completion.choices[0]
    calls = choice.message.tool_calls or []
    found = _sorted((call.function.name, json.loads(call.function.arguments)) for call in calls)
    assert found == _calls_in(translated.recorded(provider)[name], provider)
    assert choice.finish_reason == ("tool_calls" if calls else "stop")
    answers = json.loads((translated.folder(provider, Dialect.OPENAI_CHAT) / "answers.json").read_bytes())
    canned.body = json.dumps(answers[name]).encode()
    whole = gpt.chat.completions.create(model="m", messages=[{"role": "user", "content": "go"}])
    assert len(whole.choices[0].message.tool_calls or []) == len(calls)
    assert whole.usage is not None
    assert completion.usage is not None
    assert whole.usage.total_tokens == completion.usage.total_tokens


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("rate", openai.RateLimitError),
        ("key", openai.AuthenticationError),
        ("context", openai.BadRequestError),
        ("overloaded", openai.InternalServerError),
    ],
)
def test_the_openai_sdk_tells_errors_of_others(
    canned: Canned, gpt: openai.OpenAI, name: str, wanted: type[openai.APIStatusError]
) -> None:
    """The class of the error and its stable code are what a client of OpenAI expects."""
    error = translated.stored(Dialect.ANTHROPIC, "errors")[name]
    assert isinstance(error, dict)
    told = translated.asked(Dialect.OPENAI_CHAT, Dialect.ANTHROPIC)
    canned.status, canned.body = translate_error(told, error["status"], json.dumps(error["body"]).encode())
    with pytest.raises(wanted) as raised:
        gpt.chat.completions.create(model="m", messages=[{"role": "user", "content": "go"}])
    assert raised.value.code == json.loads(canned.body)["error"]["code"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("rate", anthropic.RateLimitError),
        ("model", anthropic.NotFoundError),
        ("context", anthropic.BadRequestError),
        ("overloaded", anthropic.InternalServerError),
    ],
)
def test_the_anthropic_sdk_tells_errors_of_others(
    canned: Canned, claude: anthropic.Anthropic, name: str, wanted: type[anthropic.APIStatusError]
) -> None:
    """The class of the error is what a client of Anthropic expects, and the provider's words are in it."""
    error = translated.stored(Dialect.OPENAI_CHAT, "errors")[name]
    assert isinstance(error, dict)
    told = translated.asked(Dialect.ANTHROPIC, Dialect.OPENAI_CHAT)
    canned.status, canned.body = translate_error(told, error["status"], json.dumps(error["body"]).encode())
    with pytest.raises(wanted) as raised:
        claude.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "go"}])
    assert error["body"]["error"]["message"] in str(raised.value)


def test_a_stream_that_breaks_off_is_an_error_for_the_anthropic_sdk(
    canned: Canned, claude: anthropic.Anthropic
) -> None:
    """It raises, and never takes half an answer for a whole one."""
    raw = translated.recorded(Dialect.OPENAI_CHAT)["one_call"]
    told = translated.asked(Dialect.ANTHROPIC, Dialect.OPENAI_CHAT)
    canned.body = translated.stream([raw[: len(raw) // 2]], told)
    with (
        pytest.raises(anthropic.APIStatusError, match="ended before it was complete"),
        claude.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "go"}]) as stream,
    ):
        stream.get_final_message()


def test_a_stream_that_breaks_off_is_an_error_for_the_openai_sdk(canned: Canned, gpt: openai.OpenAI) -> None:
    """It raises, and never takes half an answer for a whole one."""
    raw = translated.recorded(Dialect.ANTHROPIC)["one_call"]
    told = translated.asked(Dialect.OPENAI_CHAT, Dialect.ANTHROPIC)
    canned.body = translated.stream([raw[: len(raw) // 2]], told)
    with (
        pytest.raises(openai.APIError, match="ended before it was complete"),
        gpt.chat.completions.stream(model="m", messages=[{"role": "user", "content": "go"}]) as stream,
    ):
        stream.get_final_completion()
