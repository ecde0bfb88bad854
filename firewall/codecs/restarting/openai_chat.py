"""Beginning again in Chat Completions: one more chunk of the same choice."""

from collections.abc import Mapping

from firewall.codecs.continuing.values import GAP, documents, member, objects
from firewall.codecs.openai_chat import render
from firewall.codecs.restarting.interface import WORDS
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object

_HEAD = ("id", "object", "created", "model")
_INERT = frozenset({"role"})
"""Members of a delta that say nothing."""


def may_restart(value: Mapping[str, object]) -> bool:
    """Tell whether the answer to a request may begin again."""
    messages = objects(value.get("messages"))
    has_form = member(value, "response_format").get("type", "text") != "text"
    is_one = value.get("n") in (None, 1) and not value.get("logprobs") and value.get("audio") is None
    is_kept = bool(value.get("store"))
    return bool(messages) and messages[-1].get("role") != "assistant" and is_one and not has_form and not is_kept


def bridge(sent: bytes) -> bytes | None:
    """Return the frames that close the answer so far and say the words."""
    head: JsonObject = {}
    has_spoken = False
    for _, value in documents(sent):
        head = head or {name: value[name] for name in _HEAD if name in value}
        choices = objects(value.get("choices"))
        if value.get("error") is not None or len(choices) > 1:
            return None
        for choice in choices:
            delta = member(choice, "delta")
            others = {name for name, one in delta.items() if one and name not in _INERT | {"content"}}
            if others or choice.get("finish_reason") or choice.get("index", 0) != 0:
                return None
            has_spoken = has_spoken or bool(delta.get("content"))
    if b"[DONE]" in sent and any(line.strip() == b"data: [DONE]" for line in sent.splitlines()):
        return None
    if not has_spoken:
        return b""
    delta = {"content": f"{GAP}{WORDS}"}
    return render.chunk({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def is_error(frame: Frame) -> bool:
    """Tell whether a frame is the terminal event of an answer that broke off."""
    return b'"error"' in frame.data and bool(loads_object(frame.data).get("error"))
