"""Requests for pictures: `POST /v1/images/generations` (JSON) and `/v1/images/edits` (a form, or JSON).

Nothing comes back that could be run. What is read: the model, how many, and that no option is unknown.
Source: https://developers.openai.com/api/reference/resources/images, the openai SDK 3.52.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from firewall.codecs.amounts import count
from firewall.codecs.interface import ModelRequest, Usage
from firewall.codecs.multipart import Part, is_form, parts
from firewall.codecs.upstream_json import loads_object
from firewall.core.errors import ProtocolError

JsonObject = Mapping[str, object]

_OPTIONS = frozenset({
    "aspect_ratio", "background", "complexity", "frame_count", "frame_duration_ms", "image", "images",
    "input_fidelity", "markup", "mask", "model", "moderation", "n", "negative_prompt", "output_compression",
    "output_format", "partial_images", "prompt", "quality", "response_format", "safety_identifier", "seed", "size",
    "stream", "style", "user",
})  # fmt: skip
"""Options that only shape the picture; `svg` is not among them: it names a second model."""
_FILES = frozenset({"image", "image[]", "markup", "mask"})
"""Fields of a form that hold pictures; `image` may stand several times."""
_REPEATED = frozenset({"image", "image[]"})
MAX_IMAGES = 10
"""Pictures that one request may ask for."""
MOST_TOKENS_A_PICTURE = 20_000
"""More than any model writes for one, previews included."""
_MOST_WORDS = 65_536
"""Twice the longest description that any model reads: what is longer is a picture."""
_SHORT = 256
"""Bytes that a field may have which is read here."""


def read_json(body: bytes, value: JsonObject) -> ModelRequest:
    """Read a request whose body is JSON.

    Raises: ProtocolError (400) `option_unknown`, `option_refused`, `candidates_invalid` or `invalid_request`.
    """
    for name in value:
        _known(name)
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise ProtocolError("`model` must be a string")
    if value.get("stream") not in (None, False):
        raise _streamed()
    references = tuple(dict.fromkeys(_files(value)))
    wanted = _count(value.get("n"))
    return ModelRequest(
        model=model, stream=False, body=body, identity=value, references=references, candidates=wanted
    )


def read_form(body: bytes, content_type: str) -> ModelRequest:
    """Read a request whose body is a form.

    Raises: ProtocolError (400) `form_invalid`, and as `read_json`.
    """
    said: dict[str, str] = {}
    for part in parts(body, content_type):
        name = part.name
        _known(name.removesuffix("[]"))
        if name in said and name not in _REPEATED:
            raise ProtocolError(f"`{name}` stands twice in the form", code="form_invalid")
        said[name] = _words(body, part) if name == "prompt" else "" if name in _FILES else _text(body, part)
    if not said.get("model"):
        raise ProtocolError("`model` must be a field of the form")
    if said.get("stream", "false").lower() != "false":
        raise _streamed()
    wanted = _count(said.get("n"))
    return ModelRequest(model=said["model"], stream=False, body=body, identity=said, candidates=wanted)


def usage_of(body: bytes) -> Usage:
    """Return the tokens of an answer; zero where it does not say.

    Raises: ProtocolError (upstream) when it is no JSON object.
    """
    told = loads_object(body).get("usage")
    if not isinstance(told, dict):
        return Usage()
    details = told.get("input_tokens_details")
    pictures = count(details, "image_tokens")
    written = count(told, "output_tokens")
    return Usage(
        input_tokens=count(told, "input_tokens"),
        input_image_tokens=pictures,
        output_tokens=written,
        output_image_tokens=written,
        is_reported=bool(written),
    )


def weighed(request: ModelRequest, content_type: str) -> ModelRequest:
    """Return a request as money sees it: the bytes of its pictures are no text, and each answer is a picture.

    Raises: ProtocolError (400) as `read_form`.
    """
    if is_form(content_type):
        spans = [part.span for part in parts(request.body, content_type) if part.name in _FILES]
        sizes = [end - begin for begin, end in spans]
    else:
        sizes = [len(one) for one in _long(request.identity)]
    left = max(0, len(request.body) - sum(sizes))
    return replace(
        request,
        body=b'"image"'.ljust(left),
        identity={"images": [{"type": "image"} for _ in sizes]},
        max_output_tokens=MOST_TOKENS_A_PICTURE,
    )


def _long(value: object) -> Iterator[str]:
    """Yield the texts below that are pictures themselves, not words or addresses."""
    if isinstance(value, str) and len(value) > _MOST_WORDS:
        yield value
    elif isinstance(value, list | Mapping):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _long(one)


def _known(name: str) -> None:
    if name not in _OPTIONS:
        raise ProtocolError(
            f"option `{name}` is not one that this gateway knows; remove it", code="option_unknown"
        )


def _text(body: bytes, part: Part) -> str:
    begin, end = part.span
    content = body[begin:end]
    if len(content) > _SHORT or not content.isascii():
        raise ProtocolError(f"`{part.name}` is too long or no plain text", code="form_invalid")
    return content.decode("ascii")


def _words(body: bytes, part: Part) -> str:
    begin, end = part.span
    return body[begin:end].decode("utf-8", "replace")


def _count(said: object) -> int:
    if said is None:
        return 1
    number = int(said) if isinstance(said, str) and said.isdigit() and len(said) < 10 else said
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_IMAGES:
        raise ProtocolError(f"`n` must be a whole number from 1 to {MAX_IMAGES}", code="candidates_invalid")
    return number


def _streamed() -> ProtocolError:
    return ProtocolError("pictures are not streamed here; remove `stream`", code="option_refused")


def _files(value: object) -> Iterator[str]:
    """Files kept at the provider, anywhere below."""
    if isinstance(value, list):
        for one in value:
            yield from _files(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "file_id":
                yield str(one)
            else:
                yield from _files(one)
