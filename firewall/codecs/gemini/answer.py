"""Whole answers: finding calls, replacing refused ones, and going between the whole and the streamed form."""

from collections.abc import Mapping

import orjson

from firewall.codecs import json_span, sse
from firewall.codecs.gemini.fields import JsonObject
from firewall.codecs.gemini.parts import Part, candidates_of, malformed, parse, parts_of, rewrite, usage_of
from firewall.codecs.gemini.tables import camel
from firewall.codecs.interface import Answer, Pending, Refused, Released, Ruling, Usage
from firewall.codecs.steps import Role, Steps

_MARKS = frozenset({
    "candidates", "modelVersion", "promptFeedback", "responseId", "totalTokens", "usageMetadata",
})  # fmt: skip
_NOT_RULED = Refused("This tool call was not released.")
_MERGEABLE = ({"text"}, {"text", "thought"})


def read_answer(body: bytes) -> Answer:
    """Find the tool calls of a complete answer; slots count them in order.

    Raises: ProtocolError (502) when it is no GenerateContentResponse, or a part or call id is not readable.
    """
    parts, usage = _read(body)
    calls = [part.call for part in parts if part.call is not None]
    ids = [call.id for call in calls if call.id]
    if len(ids) != len(set(ids)):
        malformed("a call id is used twice", code="stream_inconsistent")
    return Answer(calls=tuple(Pending(slot, call) for slot, call in enumerate(calls)), usage=usage)


def rule_answer(body: bytes, rulings: Mapping[int, Ruling]) -> bytes:
    """Return the answer with refused calls as texts and without the thoughts that were only theirs.

    A call without a ruling counts as refused. `body` itself comes back when all are released.

    Raises: ProtocolError (502) as `read_answer`.
    """
    parts, _ = _read(body)
    for slot, part in enumerate(part for part in parts if part.role is Role.CALL):
        part.ruling = rulings.get(slot, _NOT_RULED)
    if all(part.ruling is None or isinstance(part.ruling, Released) for part in parts):
        return body
    return rewrite(body, parts)


def _read(body: bytes) -> tuple[list[Part], Usage]:
    value = parse(body)
    if not _MARKS & value.keys():
        malformed("it is no answer of this API")
    parts = list(parts_of(value, body, {}))
    steps: dict[int, Steps] = {}
    for part in parts:
        if not (part.role is Role.FREE and part.empty):
            steps.setdefault(part.index, Steps()).add(part)
    for one in steps.values():
        one.end()
    return parts, usage_of(value) or Usage()


def stream_of(answer: bytes) -> bytes:
    """Unfold a complete, already ruled answer into a stream: one frame that carries it whole."""
    return sse.frame(json_span.one_line(answer))


def answer_of(stream: bytes) -> bytes:
    """Fold a complete, already ruled stream into the answer that the same request without `stream` gets.

    Parts keep their bytes and order; neighbouring plain texts become one. A stream that ended in an error
    object folds into that object.

    Raises: ProtocolError (502) when a frame is not readable or there is none.
    """
    splitter = sse.Splitter()
    whole: dict[str, object] = {}
    candidates: dict[int, dict[str, object]] = {}
    parts: dict[int, list[bytes]] = {}
    for frame in [*splitter.feed(stream), *splitter.finish()]:
        if not frame.lines:
            continue
        value = parse(frame.data)
        if "error" in value:
            return frame.data
        whole.update({key: one for key, one in value.items() if key != "candidates"})
        indexes = [index for index, _ in candidates_of(value)]
        _gather(frame.data, indexes, candidates, parts)
    if not whole and not candidates:
        malformed("a stream without content", code="stream_truncated")
    if candidates:
        whole["candidates"] = [_whole(candidates[index], parts[index]) for index in sorted(candidates)]
    return orjson.dumps(whole)


def _gather(
    data: bytes, indexes: list[int], candidates: dict[int, dict[str, object]], parts: dict[int, list[bytes]]
) -> None:
    span = json_span.locate(data, ("candidates",))
    spans = json_span.elements(data, span[0]) if span else ()
    for index, (begin, _) in zip(indexes, spans, strict=True):
        fields = {camel(key): (start, end) for key, _, (start, end) in json_span.members(data, begin)}
        mine = candidates.setdefault(index, {})
        known = parts.setdefault(index, [])
        for key, (start, end) in fields.items():
            if key == "content":
                found = json_span.locate(data, ("parts",), start)
                role = json_span.cut(data, ("role",), start)
                mine["role"] = orjson.loads(role) if role else mine.get("role", "model")
                for one in json_span.elements(data, found[0]) if found else ():
                    _append(known, data[slice(*one)])
            else:
                mine[key] = orjson.Fragment(data[start:end])


def _append(parts: list[bytes], raw: bytes) -> None:
    if parts:
        last, new = orjson.loads(parts[-1]), orjson.loads(raw)
        if _merge(last, new):
            parts[-1] = orjson.dumps({**last, "text": last["text"] + new["text"]})
            return
        if new == {"text": ""}:
            return
    parts.append(raw)


def _merge(last: JsonObject, new: JsonObject) -> bool:
    return (
        last.keys() == new.keys()
        and last.keys() in _MERGEABLE
        and last.get("thought") == new.get("thought")
        and isinstance(last["text"], str)
        and isinstance(new["text"], str)
    )


def _whole(candidate: dict[str, object], parts: list[bytes]) -> dict[str, object]:
    role = candidate.pop("role", "model")
    content = {"parts": [orjson.Fragment(part) for part in parts], "role": role}
    return {"content": content, **candidate}
