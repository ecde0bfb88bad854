"""Thought signatures of this API, and our marks in their place.

A signature is bytes in base64, and clients decode it: so must a mark of ours be. Clients of this API keep
signatures and throw thoughts away, and other providers want both: so a mark carries the thought as well.
"""

import base64
import binascii

import orjson

from firewall.codecs.neutral import marks
from firewall.codecs.neutral.form import Thinking


def marked(origin: str, thinking: Thinking) -> str:
    """Return what stands where this dialect keeps a signature: whose thought it is, the thought and its seal."""
    packed = orjson.dumps([thinking.text, thinking.seal]).decode()
    return base64.b64encode(marks.marked(origin, packed).encode()).decode()


def thinking_of(signature: str) -> Thinking:
    """Return the thought that a signature stands for; of one that is no mark of ours, a seal of nobody known."""
    # The google-genai SDK writes bytes in the other alphabet of base64.
    plain = signature.replace("-", "+").replace("_", "/")
    try:
        origin, packed = marks.unmarked(base64.b64decode(plain, validate=True).decode("ascii"))
        value: object = orjson.loads(packed) if origin else None
    except (binascii.Error, ValueError):
        return Thinking("", signature)
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value):
        return Thinking(value[0], value[1], origin)
    return Thinking("", signature)
