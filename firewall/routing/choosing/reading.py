"""Facts and keys of a model call, read from the request; the dialects by the names of their fields alone. Pure."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b

import orjson

from firewall.codecs.dialects import CODECS
from firewall.codecs.traits import Trait
from firewall.routing.call import ModelCall
from firewall.routing.choosing.facts import Facts, made

PHASE = "x-stayhand-phase"
_HISTORIES = ("messages", "input", "contents")
_IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
_IMAGE_TOKENS = 1500
"""What a large picture costs at most providers."""
_BYTES_A_TOKEN = 4
_DEPTH = 12


def facts_of(call: ModelCall, at_us: int, scan: Callable[[], frozenset[str]]) -> Facts:
    """Return the facts of a call; `scan` is asked only where a rule asks for sensitivity."""
    request = call.request
    images = tuple(_images(call.value)) if call.may_hold(Trait.MEDIA) else ()
    text = max(0, len(request.body) - sum(images))
    return made(
        model=request.model,
        at_us=at_us,
        environment=call.caller.grant.environment,
        owner=call.caller.grant.owner,
        about=call.attribution,
        phase=call.headers.get(PHASE, "").strip().lower(),
        has_tools=has_tools(call.value),
        has_images=bool(images),
        input_tokens=tokens_of(text) + _IMAGE_TOKENS * len(images),
        output_tokens=request.max_output_tokens,
        scan=scan,
    )


def has_tools(value: Mapping[str, object]) -> bool:
    """Tell whether a request offers tools."""
    return bool(value.get("tools") or value.get("functions"))


def tokens_of(size: int) -> int:
    """Return how many tokens so many bytes of text are, about."""
    return -(-size // _BYTES_A_TOKEN)


def in_tool_loop(call: ModelCall) -> bool:
    """Tell whether the newest turn reports what tools gave: the model that called them is waited for."""
    return bool(CODECS[call.dialect].results(call.value))


def conversation(call: ModelCall) -> str:
    """Return what names a conversation: who asks, and what the first turn says; every later turn repeats it."""
    first = _first_turn(call.value)
    digest = blake2b(orjson.dumps(first), digest_size=12).hexdigest() if first is not None else ""
    return f"{call.caller.principal}\0{call.caller.session}\0{digest}"


def sticky_key(call: ModelCall) -> str:
    """Return what names a session; a conversation where the client does not name one."""
    if call.caller.session:
        return f"{call.caller.principal}\0{call.caller.session}"
    return conversation(call)


def newest_turn(value: Mapping[str, object]) -> object:
    """Return the last item of a request's history."""
    history = next((value[key] for key in _HISTORIES if key in value), None)
    return history[-1] if isinstance(history, list) and history else history


def _first_turn(value: Mapping[str, object]) -> object:
    history = next((value[key] for key in _HISTORIES if key in value), None)
    if not isinstance(history, list):
        return history
    users = (one for one in history if isinstance(one, Mapping) and one.get("role", "user") == "user")
    return next(users, history[0] if history else None)


def _images(value: Mapping[str, object]) -> Iterator[int]:
    """Yield the size of each picture as far as it stands in the request; 0 for one that is only named."""
    for key in _HISTORIES:
        yield from _images_in(value.get(key), 0)


def _images_in(value: object, depth: int) -> Iterator[int]:
    if depth > _DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            yield from _images_in(one, depth + 1)
    elif isinstance(value, Mapping):
        size = _image_size(value)
        if size is not None:
            yield size
            return
        for one in value.values():
            if isinstance(one, list | Mapping):
                yield from _images_in(one, depth + 1)


def _image_size(part: Mapping[str, object]) -> int | None:
    """Return how many bytes of the request a picture takes, None of what is none."""
    kind = part.get("type")
    inline = part.get("inlineData") or part.get("inline_data") or part.get("fileData") or part.get("file_data")
    if isinstance(inline, Mapping):
        media = str(inline.get("mimeType") or inline.get("mime_type") or "")
        return _longest(inline) if media.startswith("image/") else None
    if isinstance(kind, str) and kind in _IMAGE_TYPES:
        return max((_longest(one) for one in (part, *part.values()) if isinstance(one, Mapping)), default=0)
    return None


def _longest(part: Mapping[str, object]) -> int:
    return max((len(one) for one in part.values() if isinstance(one, str)), default=0)
