"""Golden files of translation: what becomes of each stored request, stream, answer and error in other dialects.

Inputs: `translated/<dialect>/requests.json` (by name, as its clients send them), `errors.json` and streams (as its
providers do), and the recorded streams of every dialect. Results: `translated/<from>-<to>/` with `requests.json`,
`answers.json`, `errors.json` and a stream a file. A dialect takes part once the registry knows it.

`python -m tests.support.translated` writes the results anew: read the difference before you commit it.
"""

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from types import ModuleType

from firewall.codecs import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.neutral import registry
from firewall.codecs.neutral.interface import Asked
from firewall.codecs.neutral.translate import (
    StreamTranslation,
    failure_of,
    translate_answer,
    translate_error,
    translate_request,
)
from firewall.core.dialect import Dialect
from firewall.core.errors import ProtocolError

STREAMS = Path(__file__).parents[1] / "cases" / "streams"
GOLDEN = STREAMS / "translated"
CODECS: dict[Dialect, ModuleType] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}
MODELS = {
    Dialect.ANTHROPIC: "claude-sonnet-5",
    Dialect.OPENAI_CHAT: "gpt-6-sol",
    Dialect.OPENAI_RESPONSES: "gpt-6-sol",
    Dialect.GEMINI: "gemini-3.8-flash",
}
PATHS = {Dialect.GEMINI: "/v1beta/models/gemini-3.8-flash:generateContent"}
"""The request path of a client, where it says something."""


def known() -> list[Dialect]:
    """Return the dialects that can be read and written."""
    return [one for one in Dialect if registry.translates(one, one)]


def pairs() -> list[tuple[Dialect, Dialect]]:
    """Return all (from, to) of two different dialects."""
    return list(permutations(known(), 2))


def stored(dialect: Dialect, kind: str) -> dict[str, object]:
    """Return the inputs of a kind (`requests`, `errors`) by name."""
    found: dict[str, object] = json.loads((GOLDEN / dialect.value / f"{kind}.json").read_text(encoding="utf-8"))
    return found


def recorded(dialect: Dialect) -> dict[str, bytes]:
    """Return the recorded streams of a dialect by name, and those that only translation needs."""
    folders = (STREAMS / dialect.name.lower(), GOLDEN / dialect.value)
    return {path.stem: path.read_bytes() for folder in folders for path in sorted(folder.glob("*.sse"))}


def asked(client: Dialect, provider: Dialect, name: str = "plain") -> Asked:
    """Return what an answer's way back needs, after a stored request."""
    value = stored(client, "requests")[name]
    assert isinstance(value, dict)
    sent = translate_request(
        value,
        source=client,
        target=provider,
        model=MODELS[provider],
        path=PATHS.get(client, ""),
        provider="there",
        at=1_700_000_000,
    )
    return sent.asked


def request(value: object, client: Dialect, provider: Dialect) -> object:
    """Return what becomes of a request: what is sent, or why it is refused."""
    assert isinstance(value, dict)
    try:
        sent = translate_request(
            value,
            source=client,
            target=provider,
            model=MODELS[provider],
            path=PATHS.get(client, ""),
            provider="there",
        )
    except ProtocolError as error:
        return {"refused": error.code, "says": error.public}
    address = f"{sent.path}?{sent.query}" if sent.query else sent.path
    return {"path": address, "dropped": list(sent.dropped), "body": json.loads(sent.body)}


def stream(chunks: list[bytes], told: Asked) -> bytes:
    """Return what the client gets of a provider's stream, as a gate would end it."""
    translation = StreamTranslation(told)
    out: list[bytes] = []
    try:
        for chunk in chunks:
            out.append(translation.feed(chunk))  # noqa: PERF401 -- what came before a fault must stay
        out.append(translation.close())
    except ProtocolError as error:
        out.append(translation.abort(failure_of(error)))
    return b"".join(out)


def answer(raw: bytes, provider: Dialect, told: Asked) -> object | None:
    """Return what becomes of the whole answer that a stream folds into; None where it folds into none."""
    try:
        whole = CODECS[provider].answer_of(raw)
    except ProtocolError:
        return None
    try:
        return json.loads(translate_answer(told, whole))
    except ProtocolError as error:
        return {"refused": error.code, "says": error.public}


def error(value: object, told: Asked) -> object:
    """Return what becomes of a provider's error."""
    assert isinstance(value, dict)
    body = value["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    status, written = translate_error(told, value["status"], raw)
    return {"status": status, "body": json.loads(written)}


def results(source: Dialect, target: Dialect) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) of all that goes from `source` to `target`."""
    told = asked(target, source)
    sent = {name: request(value, source, target) for name, value in stored(source, "requests").items()}
    yield "requests.json", _written(sent)
    yield "errors.json", _written({name: error(value, told) for name, value in stored(source, "errors").items()})
    answers = {name: answer(raw, source, told) for name, raw in recorded(source).items()}
    yield "answers.json", _written({name: one for name, one in answers.items() if one is not None})
    for name, raw in recorded(source).items():
        yield f"{name}.sse", stream([raw], told)


def folder(source: Dialect, target: Dialect) -> Path:
    """Return where the results of a pair are stored."""
    return GOLDEN / f"{source.value}-{target.value}"


def _written(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _write() -> None:
    for source, target in pairs():
        place = folder(source, target)
        place.mkdir(exist_ok=True)
        for name, content in results(source, target):
            (place / name).write_bytes(content)


if __name__ == "__main__":
    _write()
