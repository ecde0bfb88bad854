"""Asking a stream for its token counts, which Chat Completions says only to who asks.

Source: https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events.
"""

from collections.abc import Mapping

from firewall.codecs import json_span

_ASKED = b'"include_usage":true'


def says_usage(value: Mapping[str, object]) -> bool:
    """Tell whether a request asks its stream for the counts."""
    options = value.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def asking(body: bytes, value: Mapping[str, object]) -> bytes:
    """Return a request's bytes with its stream asked for the counts; everything else keeps its bytes.

    `value`: the same request parsed, so that only bodies that say something of it already are walked.
    """
    options = json_span.locate(body, ("stream_options",)) if "stream_options" in value else None
    if options is None:
        brace = body.index(b"{") + 1
        return body[:brace] + b'"stream_options":{' + _ASKED + b"}," + body[brace:]
    asked = json_span.locate(body, ("include_usage",), options[0])
    if asked is not None:
        return json_span.splice(body, {asked: b"true"})
    old = body[options[0] : options[1]]
    if not old.startswith(b"{"):
        return json_span.splice(body, {options: b"{" + _ASKED + b"}"})
    rest = old[1:].lstrip()
    return json_span.splice(body, {options: b"{" + _ASKED + (b"" if rest.startswith(b"}") else b",") + rest})
