"""The output list that the terminal event and the whole answer carry: checked against, and rewritten."""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from firewall.codecs import json_span
from firewall.codecs.amounts import count, word
from firewall.codecs.interface import Refused, Usage
from firewall.codecs.openai_responses import render
from firewall.codecs.openai_responses.calls import JsonObject, Path, identity_of, malformed
from firewall.codecs.openai_responses.items import Item
from firewall.codecs.openai_responses.tables import Kind, kind_of
from firewall.codecs.steps import Fate

_NOTES = ("id", "status", "created_by")


def match(
    output: Sequence[object], items: Iterable[Item], finished: Mapping[int, JsonObject]
) -> list[Item | None]:
    """Pair each element of a terminal event's output with the item that the stream announced.

    Raises: ProtocolError (502) `stream_inconsistent` for a call that was not announced or that differs.
    """
    known = list(items)
    pairs: list[Item | None] = []
    for element in output:
        if not isinstance(element, dict):
            malformed("an output item is no object")
        item = _find(element, known)
        kind = kind_of(element)
        if item is not None:
            known.remove(item)
        if kind in (Kind.CALL, Kind.UNKNOWN) and (
            item is None or not (item.gone or _same(element, finished.get(item.index)))
        ):
            malformed("the end repeats a call that the stream did not carry", code="stream_inconsistent")
        pairs.append(item)
    return pairs


def _find(element: JsonObject, items: list[Item]) -> Item | None:
    identity, type_ = identity_of(element), element.get("type")
    alike = [item for item in items if item.type == type_]
    for item in alike:
        if item.identity == identity:
            return item
    # Some providers leave ids out, or make new ones for the end: then the order decides, never for calls.
    if alike and alike[0].kind not in (Kind.CALL, Kind.UNKNOWN):
        return alike[0]
    return None


def _same(element: JsonObject, finished: JsonObject | None) -> bool:
    return finished is not None and _essence(element) == _essence(finished)


def _essence(item: JsonObject) -> bytes:
    kept = {key: value for key, value in item.items() if value is not None and key not in _NOTES}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def rewrite(data: bytes, path: Path, pairs: Sequence[Item | None], seed: str) -> bytes:
    """Return `data` with the output list at `path` without what was refused or dropped.

    Everything outside the list, and every element that stays, keeps its bytes.
    """
    span = json_span.locate(data, path) or (0, 0)
    kept: list[bytes] = []
    for item, (begin, end) in zip(pairs, json_span.elements(data, span[0]), strict=True):
        fate = _unmatched(data[begin:end]) if item is None else item.fate
        if fate is Fate.LEAVES:
            kept.append(data[begin:end])
        elif fate is Fate.REPLACED and item is not None and isinstance(item.ruling, Refused):
            kept.append(orjson.dumps(render.message(message_id(seed, item), item.ruling.text)))
    return json_span.splice(data, {span: b"[" + b",".join(kept) + b"]"})


def _unmatched(element: bytes) -> Fate:
    # FAIL-CLOSED: reasoning that the stream did not carry may belong to what was refused.
    found = json_span.cut(element, ("type",))
    return Fate.DROPPED if found == b'"reasoning"' else Fate.LEAVES


def message_id(seed: str, item: Item) -> str:
    """Return the id of the message that takes the item's place."""
    return render.stable_id("msg", seed, item.index, item.type, item.identity)


def usage_of(response: JsonObject) -> Usage:
    """Read the token counts of a response object; zero where it does not say."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    read, said = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    return Usage(
        input_tokens=count(usage, "input_tokens"),
        cached_input_tokens=count(read, "cached_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cache_write_tokens=count(read, "cache_write_tokens"),
        reasoning_tokens=count(said, "reasoning_tokens"),
        input_image_tokens=count(read, "image_tokens"),
        input_audio_tokens=count(read, "audio_tokens"),
        output_image_tokens=count(said, "image_tokens"),
        output_audio_tokens=count(said, "audio_tokens"),
        searches=_searches(response.get("output")),
        service_tier=word(response, "service_tier"),
        is_reported=True,
    )


def _searches(output: object) -> int:
    """Count what is charged as a search: opening a page that was found is none."""
    found = 0
    for item in output if isinstance(output, list) else ():
        if isinstance(item, dict) and item.get("type") == "web_search_call":
            action = item.get("action")
            found += not isinstance(action, dict) or action.get("type") in (None, "search")
    return found
