"""Beginning again in Gemini: one more frame with a text part."""

from collections.abc import Mapping

import orjson

from firewall.codecs import sse
from firewall.codecs.continuing.values import GAP, documents, member, objects
from firewall.codecs.gemini.fields import folded
from firewall.codecs.restarting.interface import WORDS
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object

_HEAD = ("modelVersion", "responseId")
_PLAIN = frozenset({"content", "index", "safetyRatings", "tokenCount"})
"""Members of a candidate that say nothing but text."""
_FORMS = ("responseSchema", "responseJsonSchema")


def may_restart(value: Mapping[str, object]) -> bool:
    """Tell whether the answer to a request may begin again."""
    asked = folded(value, "body", "client")
    contents = objects(asked.get("contents"))
    config = folded(member(asked, "generationConfig"), "generationConfig", "client")
    has_form = config.get("responseMimeType") not in (None, "", "text/plain") or any(
        config.get(name) is not None for name in _FORMS
    )
    is_one = config.get("candidateCount") in (None, 1) and not config.get("responseLogprobs")
    return bool(contents) and contents[-1].get("role") != "model" and is_one and not has_form


def bridge(sent: bytes) -> bytes | None:
    """Return the frames that close the answer so far and say the words."""
    head: JsonObject = {}
    has_spoken = False
    for _, value in documents(sent):
        head = head or {name: value[name] for name in _HEAD if name in value}
        candidates = objects(value.get("candidates"))
        if "error" in value or value.get("promptFeedback") or len(candidates) > 1:
            return None
        for candidate in candidates:
            found = _said(candidate)
            if found is None:
                return None
            has_spoken = has_spoken or found
    if not has_spoken:
        return b""
    content = {"role": "model", "parts": [{"text": f"{GAP}{WORDS}"}]}
    return sse.frame(orjson.dumps({"candidates": [{"content": content, "index": 0}], **head}))


def _said(candidate: JsonObject) -> bool | None:
    """Tell whether a candidate of a frame says anything; None: more than text, or its end."""
    content = member(candidate, "content")
    parts = content.get("parts")
    if not {name for name, one in candidate.items() if one} <= _PLAIN or candidate.get("index", 0) != 0:
        return None
    if not isinstance(parts, list | None) or any(not _is_text(part) for part in parts or ()):
        return None
    return any(part["text"] for part in parts or ())


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and part.keys() == {"text"} and isinstance(part["text"], str)


def is_error(frame: Frame) -> bool:
    """Tell whether a frame is the terminal event of an answer that broke off."""
    return b'"error"' in frame.data and "error" in loads_object(frame.data)
