"""How much a call may use at most, and how much it likely did where nobody counted; pure.

A token stands for at least one byte of what is sent, so bytes bound tokens: nothing a provider counts for text is
more. What it adds itself (what it searched, files and turns that it keeps, pages, sound and film) is bounded by
the model's window. All is counted at its most: what is likely stands beside it, for rates and estimates.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from firewall.codecs.interface import ModelRequest
from firewall.codecs.traits import Trait, Traits
from firewall.core.fast_init import fast_init, maker
from firewall.spend.media import NOTHING, media_of

IMAGE_TOKENS = 16_384
"""More than a model counts for one image, but for those of `image_tokens`."""
DEAR_IMAGE_TOKENS = 49_152
"""gpt-4o-mini counts 2,833 tokens and 5,667 for each of up to eight tiles."""
TOOL_TOKENS = 4_096
"""What a vendor writes at most about a tool of its own that an agent runs: a type stands for its description."""
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
_DESCRIBED = frozenset({None, "custom", "function", "namespace"})
"""Types of tools that are described in the request itself; Gemini's have none."""
_COMPACTING = frozenset({"compaction", "context_management"})


def image_tokens(model: str) -> int:
    """Return how many tokens a model counts for one image at most."""
    return DEAR_IMAGE_TOKENS if "4o-mini" in model else IMAGE_TOKENS


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
    images: int = 0
    """Of the input, at IMAGE_TOKENS each."""
    compactions: int = 0
    """How often the provider may read all of it once more, to sum it up."""


_bound = maker(Bound)


def bound_of(request: ModelRequest, traits: Traits | None = None) -> Bound:
    """Return what a request may use at most; `traits`: what is known of its body."""
    body = request.body
    has_media = traits is None or traits.may_hold(Trait.MEDIA, body)
    media, identity = media_of(request.identity) if has_media else NOTHING, request.identity
    text, images = len(body) - media.hidden, media.images
    most = text + images * IMAGE_TOKENS + OVERHEAD_TOKENS
    if "tools" in identity and (described := _of_the_vendor(identity["tools"])):
        most += described * TOOL_TOKENS
    wrote = request.max_output_tokens
    if wrote is not None and "prediction" in identity:
        wrote += text  # predicted words that do not come true are paid as if they were written
    return _bound(
        None if media.is_open or request.references or request.hosted else most,
        text // BYTES_A_TOKEN + images * LIKELY_IMAGE_TOKENS,
        wrote,
        request.candidates,
        _all_searches(request) if request.hosted else 0,
        _variant(identity),
        images,
        _compactions(identity) if not _COMPACTING.isdisjoint(identity) else 0,
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
    tool = orjson.loads(declared)
    most = tool.get("max_uses") if isinstance(tool, dict) else None
    return most if isinstance(most, int) and not isinstance(most, bool) and most >= 0 else MOST_SEARCHES


def _of_the_vendor(tools: object) -> int:
    """Return how many tools of a request the vendor describes and not the caller: they are known by their type."""
    if not isinstance(tools, list):
        return 0
    return sum([isinstance(one, dict) and one.get("type") not in _DESCRIBED for one in tools])


def _compactions(identity: Mapping[str, object]) -> int:
    """Return how often a conversation may be summed up for a request: a sampling of its own, charged beside it."""
    if identity.get("compaction"):
        return 1
    managed = identity.get("context_management")
    edits = managed.get("edits") if isinstance(managed, Mapping) else managed
    kinds = [one.get("type") for one in edits if isinstance(one, Mapping)] if isinstance(edits, list) else []
    return int(any(isinstance(kind, str) and kind.startswith("compact") for kind in kinds))
