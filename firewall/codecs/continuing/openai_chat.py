"""Going on in Chat Completions: `tool` messages; chunks keep the first answer's id.

Source: https://developers.openai.com/api/docs/guides/function-calling.
"""

from collections.abc import Mapping, Sequence

from firewall.codecs.continuing.interface import Follower, Told
from firewall.codecs.continuing.values import GAP, added, documents, member, objects, texts_of
from firewall.codecs.openai_chat import render
from firewall.codecs.openai_chat.tables import REASONING
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object

_KEPT = frozenset({"content", "refusal", "tool_calls"}) | REASONING
"""Members of an answer's message that a history takes; null ones are left out, but for the content."""


def again(value: Mapping[str, object], answer: bytes, told: Sequence[Told]) -> Mapping[str, object] | None:
    """Return the request that tells the model of its refused calls; None where this is not possible."""
    messages = objects(value.get("messages"))
    choices = objects(loads_object(answer).get("choices"))
    is_auto = value.get("tool_choice") in (None, "auto") and value.get("function_call") in (None, "auto")
    if not is_auto or not messages or messages[-1].get("role") == "assistant" or len(choices) != 1:
        return None
    message = member(choices[0], "message")
    ids = [str(call.get("id")) for call in objects(message.get("tool_calls"))]
    texts = texts_of(told, ids)
    if texts is None or message.get("function_call") is not None or message.get("audio") is not None:
        return None
    said = {key: one for key, one in message.items() if key in _KEPT and one is not None}
    results = [
        {"role": "tool", "tool_call_id": ident, "content": text} for ident, text in zip(ids, texts, strict=True)
    ]
    return {**value, "messages": [*messages, {"role": "assistant", "content": None, **said}, *results]}


class _Follower:
    """One id for all chunks, the role said once, the counts added up."""

    def __init__(self, sent: bytes, written: int) -> None:
        self._written = written
        self._head: JsonObject = {}
        self._has_spoken = False
        for _, value in documents(sent):
            self._head = self._head or {key: value[key] for key in ("id", "created") if key in value}
            for choice in objects(value.get("choices")):
                self._has_spoken = self._has_spoken or bool(member(choice, "delta").get("content"))

    def frame(self, frame: Frame) -> bytes:
        """Return what takes the place of one frame."""
        if not frame.lines or frame.data[:1] != b"{":
            return frame.raw
        value = loads_object(frame.data)
        if not self._head or value.get("error") is not None:
            return frame.raw
        value |= self._head
        for choice in objects(value.get("choices")):
            self._say(member(choice, "delta"))
        usage = member(value, "usage")
        for name in ("completion_tokens", "total_tokens"):
            added(usage, name, self._written)
        return render.chunk(value)

    def _say(self, delta: JsonObject) -> None:
        delta.pop("role", None)
        content = delta.get("content")
        if self._has_spoken and isinstance(content, str) and content:
            self._has_spoken = False
            delta["content"] = GAP + content

    def waiting(self, frame: Frame) -> bytes:
        """Return it as it is."""
        return frame.raw


def follower(sent: bytes, written: int) -> Follower:
    """Start joining an answer to `sent`."""
    return _Follower(sent, written)
