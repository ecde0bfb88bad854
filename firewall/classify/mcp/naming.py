"""What the arguments of an MCP call name, as the configuration says: ids for resolvers, and places.

INVARIANT: what a row points at and what cannot be read, found in environments.toml or asked about is named all the
same, as something that nobody can look up: it keeps the call from lying anywhere that is known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from firewall.classify.context import Context
from firewall.classify.draft import Draft
from firewall.classify.environments import Place, PlaceKind
from firewall.classify.mcp.addresses import is_plain_name, words_of_address, words_of_arn
from firewall.classify.resolvers.things import CUT, counted, flat, named, numbers, thing_named
from firewall.classify.resolvers.vendor import Vendor
from firewall.core.action import UNRESOLVED
from firewall.core.call import Served
from firewall.core.folding import has_long_run
from firewall.core.lookup import ID, Lookup
from firewall.core.target import TargetKind
from firewall.core.thing import Thing, thing_of

BY_ROWS = "environments.toml"
"""What says where a place lies: `Thing.through`."""
MAX_NAMED = 64
"""Values under one pointer; a call with more names something that nobody can look up."""
MAX_VALUE_CHARS = 2000
_WORD = re.compile(r"\{([a-z_]+)\}")
_REGION = "region"
_REGIONS = re.compile(r"[a-z0-9-]{2,30}")
_PLAIN = {PlaceKind.HOST: "{host}", PlaceKind.DATABASE: "{database}"}
"""How an address is written in a list, where the row does not say so."""
_NAMES = frozenset({"host", "port", "database"})
_URLS = frozenset({"url", "uri", "endpoint", "path"})
_UNREADABLE = object()


@dataclass(frozen=True, slots=True)
class Names:
    """What a call names."""

    things: tuple[Thing, ...] = ()
    places: tuple[Place, ...] = ()
    sets: tuple[tuple[str, int], ...] = ()
    """Numbers that it sets of these things, by argument."""


def landed(draft: Draft, served: Served, names: Names, context: Context) -> str:
    """Return where an action lands, which was read to land in its `environment` without what its call names.

    A place elsewhere speaks for itself. What an id names lies nowhere that is known until it is looked up, but
    where the server can reach nothing else.
    """
    environment = draft.environment
    if environment not in (served.environment, UNRESOLVED) or is_apart(draft, served):
        return environment
    claimed = context.environments.claimed(names.places)
    elsewhere = sorted(claimed - {served.environment})
    if elsewhere:
        return elsewhere[0]
    if names.things:
        return served.environment if served.is_scoped else UNRESOLVED
    return served.environment if claimed else environment


def is_apart(draft: Draft, served: Served) -> bool:
    """Tell whether an action goes a way of its own, so that nothing beside its text says where it lies."""
    return draft.own_way and not served.is_scoped


def names_of(served: Served, arguments: Mapping[str, object], drafts: Sequence[Draft], context: Context) -> Names:
    """Return what a call names; `drafts`: what its arguments hand to other readers, GraphQL among it."""
    things: dict[Thing, None] = {}
    places: list[Place] = []
    wanted: set[str] = set()
    for row in served.lookups:
        if row.place:
            _placed(row, arguments, things, places=places, context=context)
            continue
        vendor = _vendor(row, context)
        if row.thing:
            found = tuple(_thing(row, words, vendor) for words in _parts(row, arguments))
        else:
            found = _by_name(row, served.tool, arguments, drafts=drafts, vendor=vendor)
        things.update(dict.fromkeys(found))
        wanted |= counted(vendor, found) if vendor is not None and found else frozenset()
    if served.has_strays and (things or places):
        # FAIL-CLOSED: what the tool does not declare, its server may not heed: it settles nothing.
        things[Thing(served.server, "argument", "", through=BY_ROWS)] = None
    sets = numbers(wanted, flat(arguments)) if wanted else ()
    return Names(tuple(things), tuple(places), sets)


def _vendor(row: Lookup, context: Context) -> Vendor | None:
    spec = context.targets.get(row.target)
    if spec is None:
        return None
    # AWS has a host for each service, and one file for all of them.
    host = f"service.{spec.host}" if spec.kind is TargetKind.AWS else spec.host
    return context.catalogue.vendor_of(spec.kind, host)


def _by_name(
    row: Lookup,
    tool: str,
    arguments: Mapping[str, object],
    *,
    drafts: Sequence[Draft],
    vendor: Vendor | None,
) -> tuple[Thing, ...]:
    """Return what the vendor's file knows by the names of arguments, of GraphQL fields, or by a path."""
    if vendor is None:
        return (_unread(row),)  # FAIL-CLOSED: the row names a target of which no file speaks
    given = flat(arguments)
    found = list(named(vendor, re.sub(r"[^A-Za-z0-9]", "", tool), given, path=""))
    for draft in drafts:
        if draft.given:
            found += named(vendor, draft.operation.partition(":")[2], draft.given, path="")
    for name, value in given:
        if vendor.paths and name.rpartition(".")[2].lower() in _URLS:
            found += named(vendor, "", [], path=_path(value))
    if given and given[-1] == CUT:
        found.append(_unread(row))
    return tuple(thing_of(one.provider, one.kind, one.id, one.parts, row.target) for one in found)


def _path(value: str) -> str:
    """Return the path of an address, or of what is one already."""
    if has_long_run(value[:MAX_VALUE_CHARS]):
        return ""
    try:
        path = urlsplit(value[:MAX_VALUE_CHARS]).path
    except ValueError:
        return ""
    return path if path.startswith("/") else f"/{path}"


def _placed(
    row: Lookup,
    arguments: Mapping[str, object],
    things: dict[Thing, None],
    *,
    places: list[Place],
    context: Context,
) -> None:
    """Note the places that a row points at; one that no row of environments.toml names is looked up nowhere."""
    kind = PlaceKind(row.place)
    for words in _parts(row, arguments):
        text = _written(row, kind, words)
        place = (kind, text)
        if text and context.environments.claimed([place]):
            places.append(place)
        else:
            things[Thing(row.place, "place", text or "", through=BY_ROWS)] = None


def _written(row: Lookup, kind: PlaceKind, words: Mapping[str, str] | None) -> str:
    """Return a place as environments.toml writes it; empty where a word is missing."""
    if words is None:
        return ""
    is_address = "host" in words
    template = row.written or (_PLAIN.get(kind, "{id}") if is_address else "{id}")
    if not row.written and ID not in words:
        template = "/".join(f"{{{word}}}" for word in words)
    if not set(_WORD.findall(template)) <= words.keys():
        return ""
    return _WORD.sub(lambda found: words[found[1]], template)


def _thing(row: Lookup, words: Mapping[str, str] | None, vendor: Vendor | None) -> Thing:
    if vendor is None or words is None:
        return _unread(row)
    parts = tuple((word, value) for word, value in words.items() if word in dict(row.at))
    ident = words.get(ID) or "/".join(value for word, value in parts if word != _REGION)
    if len(row.at) == 1 and "service" in words:  # an ARN names a thing by its last part, in its region
        ident = re.split(r"[:/]", words[ID])[-1]
        parts = ((ID, ident), (_REGION, words[_REGION]))
    elif len(row.at) == 1:
        parts = () if row.at[0][0] == ID else parts
    if not _REGIONS.fullmatch(dict(parts).get(_REGION, "none")):
        return _unread(row)  # it becomes part of a host's name
    return thing_named(vendor, row.thing, ident, parts, through=row.target)


def _unread(row: Lookup) -> Thing:
    """Return something that is named and that nobody can look up."""
    return thing_of(row.target, row.thing or "argument", "", (), row.target)


def _parts(row: Lookup, arguments: Mapping[str, object]) -> Iterator[Mapping[str, str] | None]:
    """Yield the words of each name that a row points at; None for one that cannot be read."""
    found = {word: list(_values(arguments, pointer.split("/")[1:])) for word, pointer in row.at}
    if not any(found.values()):
        return
    if len(row.at) == 1:
        ((word, values),) = found.items()
        if len(values) > MAX_NAMED:
            yield None
        for value in values[:MAX_NAMED]:
            yield from _words_in(row, word, _text(value))
        return
    texts = {word: _part(row, word, values) for word, values in found.items()}
    read = {word: text for word, text in texts.items() if text is not None}
    yield read if len(read) == len(texts) else None


def _part(row: Lookup, word: str, values: Sequence[object]) -> str | None:
    """Return one word of a name; None for what is not one text, or is an address where a name belongs."""
    text = _text(values[0]) if len(values) == 1 else None
    # libpq takes a database's name with `=` or `://` in it for a whole address, which counts before the host.
    is_odd = text is not None and bool(row.place) and word in _NAMES and not is_plain_name(text)
    return None if is_odd else text


def _words_in(row: Lookup, word: str, text: str | None) -> Iterator[Mapping[str, str] | None]:
    """Yield the words of what one value names: an address may name several places."""
    if text is None:
        yield None
    elif word != ID:
        yield None if _part(row, word, [text]) is None else {word: text}
    elif row.place:
        for words in words_of_address(text, is_name=row.place in _PLAIN):
            yield None if words is None else {word: text, **words_of_arn(text), **words}
    else:
        yield {word: text, **words_of_arn(text)}


def _values(value: object, path: Sequence[str]) -> Iterator[object]:
    """Yield what stands at a pointer, the elements of a list one by one; nothing where it is absent.

    FAIL-CLOSED: where the way leads through what is neither a list nor an object, or by a name into a list, what
    the server makes of it cannot be told: that is yielded as something unreadable.
    """
    if not path:
        if isinstance(value, list):
            yield from value
        elif value is not None:
            yield value
        return
    head = path[0].replace("~1", "/").replace("~0", "~")
    if head == "*" and isinstance(value, list | Mapping):
        for inner in value if isinstance(value, list) else value.values():
            yield from _values(inner, path[1:])
    elif isinstance(value, Mapping):
        yield from _values(value.get(head), path[1:])
    elif isinstance(value, list) and head.isdecimal():
        yield from _values(value[int(head)] if int(head) < len(value) else None, path[1:])
    elif value is not None:
        yield _UNREADABLE


def _text(value: object) -> str | None:
    """Return a plain value as text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= MAX_VALUE_CHARS else None
