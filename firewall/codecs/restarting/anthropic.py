"""Beginning again in the Messages API: the open text block is closed, the words are a block of their own."""

from collections.abc import Mapping

from firewall.codecs.anthropic import render
from firewall.codecs.continuing.values import GAP, documents, member, objects
from firewall.codecs.restarting.interface import WORDS
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object


def may_restart(value: Mapping[str, object]) -> bool:
    """Tell whether the answer to a request may begin again."""
    messages = objects(value.get("messages"))
    has_form = value.get("output_format") is not None or member(value, "output_config").get("format") is not None
    return bool(messages) and messages[-1].get("role") != "assistant" and not has_form


def bridge(sent: bytes) -> bytes | None:
    """Return the frames that close the answer so far and say the words."""
    blocks, open_, has_spoken = 0, False, False
    for _, value in documents(sent):
        kind = value.get("type")
        if kind == "content_block_start" and member(value, "content_block").get("type") == "text":
            blocks, open_ = blocks + 1, True
            has_spoken = has_spoken or bool(member(value, "content_block").get("text"))
        elif kind == "content_block_delta" and _is_text(value):
            has_spoken = True
        elif kind == "content_block_stop":
            open_ = False
        elif kind not in {"message_start", "ping"}:
            return None
    closing = render.event({"type": "content_block_stop", "index": blocks - 1}) if open_ else b""
    return closing + (render.text_block(blocks, f"{GAP}{WORDS}{GAP}") if has_spoken else b"")


def _is_text(value: JsonObject) -> bool:
    return member(value, "delta").get("type") == "text_delta"


def is_error(frame: Frame) -> bool:
    """Tell whether a frame is the terminal event of an answer that broke off."""
    return b'"error"' in frame.data and loads_object(frame.data).get("type") == "error"
