"""Going on in the Messages API: `tool_result` blocks that are errors; blocks are numbered on.

Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls.
"""

from collections.abc import Mapping, Sequence

from firewall.codecs.anthropic import render
from firewall.codecs.continuing.interface import Follower, Told
from firewall.codecs.continuing.values import added, documents, member, objects, texts_of
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object


def again(value: Mapping[str, object], answer: bytes, told: Sequence[Told]) -> Mapping[str, object] | None:
    """Return the request that tells the model of its refused calls; None where this is not possible."""
    messages = objects(value.get("messages"))
    message = loads_object(answer)
    content = objects(message.get("content"))
    if not _goes_on(value, messages) or message.get("stop_reason") != "tool_use":
        return None
    ids = [str(block.get("id")) for block in content if block.get("type") == "tool_use"]
    texts = texts_of(told, ids)
    if texts is None:
        return None
    said = [block for block in content if block.get("type") != "text" or block.get("text")]
    results = [
        {"type": "tool_result", "tool_use_id": ident, "is_error": True, "content": text}
        for ident, text in zip(ids, texts, strict=True)
    ]
    turns = [{"role": "assistant", "content": said}, {"role": "user", "content": results}]
    return {**value, "messages": [*messages, *turns]}


def _goes_on(value: Mapping[str, object], messages: Sequence[JsonObject]) -> bool:
    """Tell whether the model may choose to speak, and was not given the beginning of its answer."""
    choice = value.get("tool_choice")
    is_auto = choice is None or member(value, "tool_choice").get("type") == "auto"
    return is_auto and bool(messages) and messages[-1].get("role") != "assistant"


class _Follower:
    """Blocks go on counting, the message is not opened twice."""

    def __init__(self, sent: bytes, written: int) -> None:
        self._written = written
        self._is_open = False
        self._blocks = 0
        for _, value in documents(sent):
            self._is_open = self._is_open or value.get("type") == "message_start"
            self._blocks += value.get("type") == "content_block_start"

    def frame(self, frame: Frame) -> bytes:
        """Return what takes the place of one frame."""
        if not frame.lines:
            return frame.raw
        value = loads_object(frame.data)
        match value.get("type"):
            case "message_start" if self._is_open:
                return b""
            case "content_block_start" | "content_block_delta" | "content_block_stop":
                added(value, "index", self._blocks)
                return render.event(value)
            case "message_delta":
                added(member(value, "usage"), "output_tokens", self._written)
                return render.event(value)
            case _:
                return frame.raw

    def waiting(self, frame: Frame) -> bytes:
        """Return it as it is: pings are not numbered."""
        return frame.raw


def follower(sent: bytes, written: int) -> Follower:
    """Start joining an answer to `sent`."""
    return _Follower(sent, written)
