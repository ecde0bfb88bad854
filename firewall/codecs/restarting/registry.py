"""How each dialect begins again: one line each; and whether a piece of a stream ends in an error."""

from collections.abc import Mapping

from firewall.codecs import sse
from firewall.codecs.restarting import anthropic, gemini, openai_chat, openai_responses
from firewall.codecs.restarting.interface import Restarter
from firewall.core.dialect import Dialect

RESTARTERS: Mapping[Dialect, Restarter] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}


def parted(restarter: Restarter, piece: bytes) -> tuple[bytes, bytes]:
    """Return the frames of a piece of a stream before its terminal error, and that; nothing where it has none."""
    splitter = sse.Splitter()
    frames = [*splitter.feed(piece), *splitter.finish()]
    for place in range(len(frames) - 1, -1, -1):
        frame = frames[place]
        if not frame.lines:
            continue
        if frame.data[:1] != b"{" or not restarter.is_error(frame):
            break
        return b"".join(one.raw for one in frames[:place]), b"".join(one.raw for one in frames[place:])
    return piece, b""
