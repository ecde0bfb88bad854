"""Values that servers send, cleaned."""

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.content.inert import inert
from firewall.classify.credentials.detector import Detector
from firewall.gates.mcp.showing.cleaning import Cleaner

_SIGNS = '\x00\x08\x0c\r\x1b\x7f\x9b\u200b\u202e\\ubf"aé\n\t '


@given(st.text(st.sampled_from(_SIGNS), max_size=12), st.booleans())
def test_what_hides_is_seen_in_the_bytes_already(text: str, is_ascii: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """However a message writes a text, what would not show itself is shown: a look at its bytes misses nothing."""
    value = {"text": text}
    for raw in (json.dumps(value, ensure_ascii=is_ascii).encode(), orjson.dumps(value)):
        assert Cleaner(raw, Detector()).block(value)["text"] == inert(text).text
