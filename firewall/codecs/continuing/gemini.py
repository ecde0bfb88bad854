"""Going on in Gemini: `functionResponse` parts with an error; frames keep the first answer's id.

Source: https://ai.google.dev/gemini-api/docs/function-calling.
"""

from collections.abc import Mapping, Sequence

import orjson

from firewall.codecs import sse
from firewall.codecs.continuing.interface import Follower, Told
from firewall.codecs.continuing.values import GAP, added, documents, member, objects
from firewall.codecs.gemini.fields import folded
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object

_AUTO = frozenset({"", "AUTO", "MODE_UNSPECIFIED", "VALIDATED"})


def again(value: Mapping[str, object], answer: bytes, told: Sequence[Told]) -> Mapping[str, object] | None:
    """Return the request that tells the model of its refused calls; None where this is not possible."""
    asked = folded(value, "body", "client")
    contents = objects(asked.get("contents"))
    candidates = objects(folded(loads_object(answer), "answer", "upstream").get("candidates"))
    if not _is_auto(asked) or not contents or contents[-1].get("role") == "model" or len(candidates) != 1:
        return None
    content = member(candidates[0], "content")
    parts = [folded(part, "part", "upstream") for part in objects(content.get("parts"))]
    calls = [member(part, "functionCall") for part in parts if "functionCall" in part]
    if not calls or [call.get("name") for call in calls] != [one.pending.call.name for one in told]:
        return None
    results = [_result(call, one.text) for call, one in zip(calls, told, strict=True)]
    turns = [{**content, "role": "model"}, {"role": "user", "parts": results}]
    return {**value, "contents": [*contents, *turns]}


def _is_auto(asked: Mapping[str, object]) -> bool:
    config = folded(member(asked, "toolConfig"), "toolConfig", "client")
    return str(member(config, "functionCallingConfig").get("mode") or "").upper() in _AUTO


def _result(call: JsonObject, text: str) -> JsonObject:
    ident = {"id": call["id"]} if call.get("id") else {}
    return {"functionResponse": {**ident, "name": call.get("name"), "response": {"error": text}}}


class _Follower:
    """One id for all frames, the counts added up."""

    def __init__(self, sent: bytes, written: int) -> None:
        self._written = written
        self._id: object = None
        self._has_spoken = False
        for _, value in documents(sent):
            self._id = self._id or value.get("responseId")
            self._has_spoken = self._has_spoken or any(_is_said(part) for part in _parts(value))

    def frame(self, frame: Frame) -> bytes:
        """Return what takes the place of one frame."""
        if not frame.lines:
            return frame.raw
        value = loads_object(frame.data)
        if "error" in value:
            return frame.raw
        if self._id is not None:
            value["responseId"] = self._id
        first = next((part for part in _parts(value) if _is_said(part)), None)
        if self._has_spoken and first is not None:
            self._has_spoken = False
            first["text"] = f"{GAP}{first['text']}"
        usage = member(value, "usageMetadata")
        for name in ("candidatesTokenCount", "totalTokenCount"):
            added(usage, name, self._written)
        return sse.frame(orjson.dumps(value))

    def waiting(self, frame: Frame) -> bytes:
        """Return it as it is."""
        return frame.raw


def _parts(value: JsonObject) -> list[JsonObject]:
    return [
        part
        for candidate in objects(value.get("candidates"))
        for part in objects(member(candidate, "content").get("parts"))
    ]


def _is_said(part: JsonObject) -> bool:
    return bool(part.get("text")) and not part.get("thought")


def follower(sent: bytes, written: int) -> Follower:
    """Start joining an answer to `sent`."""
    return _Follower(sent, written)
