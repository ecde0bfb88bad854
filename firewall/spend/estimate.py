"""How much a call may use at most, and how much it likely did where nobody counted; pure.

A token stands for at least one byte of what is sent, so bytes bound tokens: nothing a provider counts for text is
more. What it adds itself (what it searched, files and turns that it keeps) is bounded by the model's window.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firewall.codecs.interface import ModelRequest
from firewall.codecs.traits import Trait, Traits
from firewall.core.fast_init import fast_init

IMAGE_TOKENS = 16_384
"""More than any provider counts for one image."""
LIKELY_IMAGE_TOKENS = 2_000
OVERHEAD_TOKENS = 1_024
"""What providers put around messages and tools."""
BYTES_A_TOKEN = 3
"""Text and code of every common language have at least as many."""
TOKENS_A_SECOND = 1_000
"""Faster than what people wait for: bounds what was thought unseen before somebody hung up."""
MOST_SEARCHES = 10
"""Searches that a call with a hosted search tool holds money for, unless it says how many it may make."""
MOST_QUESTION, MOST_JUDGED, MOST_CRITERION = 8_000, 24_000, 8_000
"""Bytes of a call, of an answer to it and of what is asked about it that a judge or grader is shown."""
MOST_ASIDE_READ = MOST_QUESTION + MOST_JUDGED + MOST_CRITERION + 2 * OVERHEAD_TOKENS
MOST_ASIDE_WROTE = 256
"""Tokens of one question of ours to a model, and of its answer."""
_LARGE = 4_096
_FREE = frozenset({"args", "arguments", "input_schema", "metadata", "parameters", "response", "schema", "tools"})
"""Members that hold objects of the caller's own making, which are text to the model whatever they look like."""
_PICTURES = frozenset({"data", "image_url", "inlineData", "inline_data", "source"})
"""Members in which a picture lies; whatever else its object says is text."""
_IMAGES = frozenset({"image", "image_url", "input_image"})
_FILES = frozenset({"document", "input_file", "file"})
_MARKS = frozenset({"type", "inlineData", "inline_data", "fileData"})
"""Without one of these an object is neither a picture nor a file."""
_NONE: frozenset[str] = frozenset()
_NESTED = (dict, list)


@fast_init
@dataclass(frozen=True, slots=True)
class Bound:
    """What a call may use."""

    input_tokens: int | None
    """At most; None: as much as the model reads."""
    likely_tokens: int
    """About: what a rate draws and what is owed where nobody counted."""
    output_tokens: int | None
    """For one answer; None: as much as the model writes."""
    answers: int = 1
    searches: int = 0
    variant: tuple[tuple[str, str], ...] = ()
    """The service tier or speed that was asked for, as prices know it."""


def bound_of(request: ModelRequest, traits: Traits | None = None) -> Bound:
    """Return what a request may use at most; `traits`: what is known of its body."""
    body = request.body
    has_media = traits is None or traits.may_hold(Trait.MEDIA, body)
    images, hidden = _media(request) if has_media else (0, 0)
    size = len(body)
    is_open = bool(request.references or request.hosted)
    return Bound(
        input_tokens=None if is_open else size - hidden + images * IMAGE_TOKENS + OVERHEAD_TOKENS,
        likely_tokens=(size - hidden) // BYTES_A_TOKEN + images * LIKELY_IMAGE_TOKENS,
        output_tokens=request.max_output_tokens,
        answers=request.candidates,
        searches=_all_searches(request) if request.hosted else 0,
        variant=_variant(request.identity),
    )


def owed_output(*, bound: int, reported: int, seen_bytes: int, seconds: float) -> int:
    """Return how many tokens were written at most when an answer broke off and nobody counted."""
    written = max(reported, seen_bytes // BYTES_A_TOKEN, int((seconds + 1) * TOKENS_A_SECOND))
    return min(written, bound)


def _variant(identity: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    if "service_tier" not in identity and "speed" not in identity:
        return ()
    found = ((name, identity.get(name)) for name in ("service_tier", "speed"))
    return tuple(
        (name, value) for name, value in found if isinstance(value, str) and value not in ("auto", "default")
    )


def _all_searches(request: ModelRequest) -> int:
    return sum(_searches(call.arguments) for call in request.hosted if "search" in call.name)


def _searches(declared: bytes) -> int:
    """Return how many searches a declared tool may make."""
    _, found, rest = declared.partition(b'"max_uses":')
    digits = rest.lstrip()[:4].split(b",")[0].split(b"}")[0].strip() if found else b""
    return int(digits) if digits.isdigit() else MOST_SEARCHES


def _media(request: ModelRequest) -> tuple[int, int]:
    """Return how many images and files a request carries, and how many of its bytes they are.

    What was parsed is walked: however a body spells its letters, and cheaper than a search through all its bytes.
    """
    count = hidden = 0
    stack = _within(request.identity, without=_NONE)
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += [one for one in value if isinstance(one, _NESTED)]
            continue
        found, size = (0, 0) if _MARKS.isdisjoint(value) else _medium(value)
        count += found
        hidden += size
        stack += _within(value, without=_PICTURES if found else _NONE)
    return count, hidden


def _within(value: Mapping[str, object], *, without: frozenset[str]) -> "list[dict[str, object] | list[object]]":
    """Return what may hold media: never the arguments of calls, where a caller writes what he likes."""
    own = "name" in value  # of a call: its `input` is its arguments
    return [
        one
        for name, one in value.items()
        if isinstance(one, _NESTED) and name not in _FREE and name not in without and not (own and name == "input")
    ]


def _medium(value: Mapping[str, object]) -> tuple[int, int]:
    """Return whether an object is an image or a file, and the bytes of it that are no text.

    A document is text to its model, page by page: its bytes count as text does, and its pages as images.
    """
    kind = value.get("type")
    named = kind if isinstance(kind, str) else ""
    is_image = named in _IMAGES or "inlineData" in value or "inline_data" in value
    if not is_image and named not in _FILES and "fileData" not in value:
        return 0, 0
    return 1, sum(_blob(value[name]) for name in _PICTURES & value.keys()) if is_image else 0


def _blob(value: object, depth: int = 0) -> int:
    if isinstance(value, str):
        return len(value) if len(value) > _LARGE else 0
    if isinstance(value, Mapping) and depth < 4:
        return sum(_blob(one, depth + 1) for one in value.values())
    return 0
