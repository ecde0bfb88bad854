"""Reading and writing members of JSON that came from outside."""

from collections.abc import Mapping, Sequence

from firewall.codecs import sse
from firewall.codecs.continuing.interface import Told
from firewall.codecs.sse import Frame
from firewall.codecs.upstream_json import JsonObject, loads_object

GAP = "\n\n"
"""Between what was said before a refusal and what is said after it."""


def objects(value: object) -> list[JsonObject]:
    """Return the objects of a list; none of anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def member(value: Mapping[str, object], name: str) -> JsonObject:
    """Return an object's member that is an object; an empty one for anything else."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def texts_of(told: Sequence[Told], ids: Sequence[str]) -> list[str] | None:
    """Return what is told of each call of an answer, by their ids in its order; None: these are not its calls."""
    known = {one.pending.call.id: one.text for one in told}
    if not ids or len(known) != len(told) or len(ids) != len(told) or set(ids) != known.keys():
        return None
    return [known[one] for one in ids]


def documents(stream: bytes) -> list[tuple[Frame, JsonObject]]:
    """Return the frames of a stream that carry an object, with it."""
    splitter = sse.Splitter()
    frames = [*splitter.feed(stream), *splitter.finish()]
    return [(frame, loads_object(frame.data)) for frame in frames if frame.lines and frame.data[:1] == b"{"]


def added(value: JsonObject, name: str, more: int) -> None:
    """Add to a count that is there."""
    count = value.get(name)
    if isinstance(count, int) and not isinstance(count, bool):
        value[name] = count + more
