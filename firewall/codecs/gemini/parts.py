"""The parts of a GenerateContentResponse: what they are, and the same bytes with refused ones replaced.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import orjson

from firewall.codecs import json_span, upstream_json
from firewall.codecs.amounts import count, word
from firewall.codecs.gemini import tables
from firewall.codecs.gemini.fields import JsonObject, folded
from firewall.codecs.interface import Refused, Usage
from firewall.codecs.steps import Fate, Member, Role
from firewall.core.call import ToolCall
from firewall.core.errors import ProtocolError

_PLAIN = frozenset({"text"})
_NOWHERE = (0, 0)


def malformed(what: str, *, code: str = "stream_malformed") -> NoReturn:
    """Refuse what the provider sent.

    Raises: ProtocolError (502), always.
    """
    raise ProtocolError(f"the provider's answer is not readable: {what}", code=code, side="upstream")


@dataclass(slots=True, kw_only=True)
class Part(Member):
    """One part of one candidate."""

    candidate: int
    """Position in `candidates`, which need not be the candidate's `index`."""
    position: int
    """Position in `parts`."""
    index: int
    """The candidate's `index`."""
    call: ToolCall | None = None
    signed: bool = False
    """It carries a thought signature."""
    calls: "list[Part]" = field(default_factory=list)
    """The function calls of its candidate so far, this one included; only on function calls."""
    empty: bool = False
    """A text of nothing: it says neither that reasoning ended nor that a call follows."""


def parse(data: bytes) -> dict[str, object]:
    """Read one response object.

    Raises: ProtocolError (502) when it is no such object, or says something in two spellings.
    """
    known = folded(upstream_json.loads_object(data), "response", "upstream")
    if known.get("automaticFunctionCallingHistory"):
        malformed("it carries calls outside its candidates")
    return known


def candidates_of(value: JsonObject) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (index, candidate with camelCase keys).

    Raises: ProtocolError (502) for what is no candidate and for an index that stands twice.
    """
    found = value.get("candidates")
    if found is not None and not isinstance(found, list):
        malformed("`candidates` is no list")
    seen: set[int] = set()
    for candidate in found or ():
        if not isinstance(candidate, dict):
            malformed("a candidate is no object")
        index = candidate.get("index") or 0
        if not isinstance(index, int) or index in seen:
            malformed("a candidate's `index` is no number or stands twice")
        seen.add(index)
        yield index, folded(candidate, "candidate", "upstream")


def parts_of(value: JsonObject, data: bytes, calls: dict[int, list[Part]]) -> Iterator[Part]:
    """Yield all parts in order; calls with the exact bytes of their arguments in `data`.

    `calls` gathers the function calls by candidate, over all frames of an answer.

    Raises: ProtocolError (502) for a part that can be read in two ways.
    """
    for place, (index, candidate) in enumerate(candidates_of(value)):
        yield from parts_in(candidate, data, (place, index), calls)


def parts_in(
    candidate: JsonObject, data: bytes, spot: tuple[int, int], calls: dict[int, list[Part]]
) -> Iterator[Part]:
    """Yield the parts of one candidate as `parts_of` does; `spot` is its position and its index.

    Raises: ProtocolError (502) for a part that can be read in two ways.
    """
    place, index = spot
    raws = _raw_parts(candidate)
    places = json_span.Places(data, ("candidates", place, "content", "parts"))
    for position, part in enumerate(raws):
        if not isinstance(part, dict):
            malformed("a part is no object")
        found = Part(role=Role.FREE, candidate=place, position=position, index=index)
        _read(part, data, places, found)
        if found.call is not None and not found.call.name.startswith("unknown:"):
            found.calls = calls.setdefault(index, [])
            found.calls.append(found)
        yield found


def is_plain(candidate: JsonObject) -> bool:
    """Tell whether a candidate says something, and nothing but text: what most frames of a stream are."""
    parts = _raw_parts(candidate)
    return bool(parts) and all(isinstance(part, dict) and part.keys() == _PLAIN and part["text"] for part in parts)


def _raw_parts(candidate: JsonObject) -> list[object]:
    content = candidate.get("content")
    if content is None:
        return []
    if not isinstance(content, dict):
        malformed("`content` is no object")
    parts = content.get("parts")
    if parts is None:
        return []
    if not isinstance(parts, list):
        malformed("`parts` is no list")
    return parts


def _read(raw: JsonObject, data: bytes, places: json_span.Places, part: Part) -> None:
    if raw.keys() == _PLAIN:
        part.empty = not raw["text"]
        return
    known = folded(raw, "part", "upstream")
    part.signed = bool(known.get("thoughtSignature"))
    kinds = [name for name in known if name not in tables.PART_NOTES and known[name] is not None]
    passing = [name for name in kinds if name in tables.PASSING_PARTS]
    if "functionCall" in kinds:
        if len(kinds) > 1:
            malformed("a part is a call and something else")
        part.role = Role.CALL
        part.call = _call(known["functionCall"], raw, data, places.start(part.position))
    elif len(passing) > 1:
        malformed("a part is of two kinds")
    elif kinds and not passing:
        part.role = Role.CALL
        part.call = ToolCall("", f"unknown:{kinds[0]}", places.element(part.position))
    elif known.get("thought"):
        part.role = Role.REASONING
    else:
        part.empty = not part.signed and not any(known[name] for name in kinds)


def _call(value: object, raw: JsonObject, data: bytes, start: int) -> ToolCall:
    if not isinstance(value, dict):
        malformed("`functionCall` is no object")
    known = folded(value, "functionCall", "upstream")
    if known.get("partialArgs") or known.get("willContinue"):
        malformed("a call in pieces, which this API does not have")
    name, call_id, args = known.get("name"), known.get("id"), known.get("args")
    if not isinstance(name, str) or not name:
        malformed("a call without a name")
    if call_id is not None and not isinstance(call_id, str):
        malformed("a call id is no string")
    if args is None:
        return ToolCall(call_id or "", name, b"{}")
    if not isinstance(args, dict):
        malformed("`args` is no object")
    key = next(one for one in raw if tables.camel(one) == "functionCall")
    spelled = next(one for one in value if tables.camel(one) == "args")
    return ToolCall(call_id or "", name, json_span.cut(data, (key, spelled), start) or b"")


def rewrite(data: bytes, parts: Iterable[Part]) -> bytes:
    """Return `data` with refused calls as texts and without dropped parts; all else keeps its bytes."""
    changes: dict[json_span.Span, bytes] = {}
    by_candidate: dict[int, list[Part]] = {}
    for part in parts:
        by_candidate.setdefault(part.candidate, []).append(part)
    for place, members in by_candidate.items():
        if not any(_changes(part) for part in members):
            continue
        span = json_span.locate(data, ("candidates", place, "content", "parts")) or _NOWHERE
        kept: list[bytes] = []
        for part, (begin, end) in zip(members, json_span.elements(data, span[0]), strict=True):
            kept += _written(part, data[begin:end])
        changes[span] = b"[" + (b",".join(kept) or b'{"text":""}') + b"]"
    return json_span.splice(data, changes)


def _changes(part: Part) -> bool:
    return part.fate is not Fate.LEAVES or lacks_signature(part)


def _written(part: Part, raw: bytes) -> Iterator[bytes]:
    fate = part.fate
    if fate is Fate.LEAVES:
        yield _signed(raw) if lacks_signature(part) else raw
    elif fate is Fate.REPLACED and isinstance(part.ruling, Refused):
        yield orjson.dumps({"text": part.ruling.text})


def _signed(raw: bytes) -> bytes:
    brace = raw.index(b"{") + 1
    return raw[:brace] + b'"thoughtSignature":"%s",' % tables.SKIP_SIGNATURE.encode() + raw[brace:]


def lacks_signature(part: Part) -> bool:
    """Tell whether a call lost its candidate's signature: it stood on a call before it that was refused.

    The API wants one on the first call of an answer, and documents a value for calls that have none.
    """
    lost = False
    for call in part.calls:
        if call is part:
            return lost and not part.signed
        if call.fate is Fate.LEAVES:
            return False
        lost = lost or call.signed
    return False


def usage_of(value: JsonObject) -> Usage | None:
    """Read the token counts of a response, None when it has none."""
    usage = value.get("usageMetadata")
    if not isinstance(usage, dict):
        return None
    known = folded(usage, "usageMetadata", "upstream")
    read, said = known.get("promptTokensDetails"), known.get("candidatesTokensDetails")
    return Usage(
        input_tokens=count(known, "promptTokenCount") + count(known, "toolUsePromptTokenCount"),
        cached_input_tokens=count(known, "cachedContentTokenCount"),
        output_tokens=count(known, "candidatesTokenCount") + count(known, "thoughtsTokenCount"),
        reasoning_tokens=count(known, "thoughtsTokenCount"),
        input_image_tokens=_of(read, "IMAGE"),
        input_audio_tokens=_of(read, "AUDIO"),
        output_image_tokens=_of(said, "IMAGE"),
        output_audio_tokens=_of(said, "AUDIO"),
        searches=_searches(value.get("candidates")),
        service_tier=word(known, "serviceTier").lower(),
        is_reported=bool(known.get("promptTokenCount")) and _is_over(value),
    )


def _is_over(value: JsonObject) -> bool:
    """Tell whether a response is its answer's last: those before it count what was said so far."""
    candidates = value.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        return "promptFeedback" in value
    return all(
        isinstance(one, dict) and (one.get("finishReason") or one.get("finish_reason")) for one in candidates
    )


def _of(details: object, modality: str) -> int:
    """Return the count of one modality in a list of `{"modality", "tokenCount"}`."""
    found = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    both = [folded(one, "tokensDetails", "upstream") for one in found]
    return sum(count(one, "tokenCount") for one in both if one.get("modality") == modality)


def _searches(candidates: object) -> int:
    """Count the searches that an answer rests on."""
    found = 0
    for one in candidates if isinstance(candidates, list) else ():
        known = folded(one, "candidate", "upstream") if isinstance(one, dict) else {}
        ground = known.get("groundingMetadata")
        queries = (
            folded(ground, "groundingMetadata", "upstream").get("webSearchQueries")
            if isinstance(ground, dict)
            else None
        )
        found += len(queries) if isinstance(queries, list) else 0
    return found
