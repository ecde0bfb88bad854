"""Header fields of answers to models' clients, and the one of a provider's answer that decides how it is read."""

from functools import lru_cache

from firewall.gates.edge.send import Headers
from firewall.routing.port import UpstreamResponse

_KEPT_BYTES = 64
STREAM_TYPE = (b"content-type", b"text/event-stream; charset=utf-8")
JSON_TYPE = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")


def passed(response: UpstreamResponse) -> Headers:
    """Return the provider's header fields but its content type: the client reads what we judged, as we read it."""
    return [pair for pair in response.fields if pair[0] != b"content-type"]


def content_type(response: UpstreamResponse) -> str:
    """Return the media type of an answer, without parameters; empty: it has none."""
    for name, value in response.fields:
        if name == b"content-type":
            return (_known_kind if len(value) <= _KEPT_BYTES else _kind)(value)
    return ""


def _kind(value: bytes) -> str:
    return value.decode("latin-1").partition(";")[0].strip().lower()


_known_kind = lru_cache(maxsize=64)(_kind)
"""Few of them come often."""
