"""`policies/resolvers/*.toml`, compiled: what a vendor's requests name, and how its API is asked what that is.

The words of these files are explained in docs/infrastructure.md; a team writes its own in TOML.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from firewall.classify.globs import Glob, any_of
from firewall.classify.reader import Reader
from firewall.classify.resolvers.instead import First, read_first
from firewall.core.action import Attribute
from firewall.core.errors import ConfigError

FACTS = frozenset(
    {
        "name",
        "owner",
        "etag",
        "updated_at",
        "last_used_at",
        "size_mb",
        "size_gb",
        "size_bytes",
        "size_quantity",
        "row_count",
        "holds",
        "versioned",
        "backups",
        "backup_at",
        "backup_where",
        "backup_at_outside",
        "backup_where_outside",
        "protected",
        "recovery_point",
    }
)
"""What a resolver may answer; what conditions make of it stands in facts.py."""
MAX_ID_CHARS = 200
MAX_KEPT = 1024
_NOTHING = re.compile(r"(?!)")
MAX_DOCUMENT_CHARS = 4000
_PLACES = frozenset({"hosts", "resources", "projects", "kube_namespaces", "databases", "tags"})
_KINDS = frozenset({"graphql", "rest", "aws", "kubernetes"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a resolver; `{id}` and other words are filled in, each encoded for where it stands."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    document: str = ""
    """GraphQL, the same text for every id."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Typed variables of the document; ids go in here and nowhere else."""
    form: str = ""
    """AWS's query protocol."""
    json: Mapping[str, str] = field(default_factory=dict)
    """Of an AWS JSON service."""
    target: str = ""
    """`X-Amz-Target`."""
    service: str = ""
    """Of AWS: the signing name, which is also the host's first label."""
    host: str = ""
    """Of AWS: the host of a service that does not begin with its signing name; `{region}` is the request's."""
    json_version: str = "1.0"
    """Of an AWS JSON service."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Where one fact stands in an answer, or what it always is."""

    name: str
    path: str = ""
    matches: "re.Pattern[str] | None" = None
    """The fact is true where the value matches, false where it does not."""
    value: Attribute | None = None
    """The fact, whatever is answered; of a path: what it is where the path leads somewhere (`now`: an instant)."""
    unless: str = ""
    """A path that, where it says true or anything, leaves the fact out: the answer is only a part."""


@dataclass(frozen=True, slots=True)
class Step:
    """A question that needs an answer first: the backups of each instance of a volume."""

    each: str
    ask: Ask
    found: str
    facts: tuple[Fact, ...] = ()
    more: tuple[str, ...] = ()
    name: str = ""
    """Of a question that is asked with the first one: what its objects are called beside the own fields."""
    where: tuple[tuple[str, str], ...] = ()
    """(path, text): of the objects only those with this there; `!text`: only those without."""
    none: "re.Pattern[str]" = _NOTHING
    """Error texts that say: there are none."""


@dataclass(frozen=True, slots=True)
class Less:
    """An argument that makes what is kept less, where it is lower than what the API says now."""

    argument: str
    path: str
    words: str
    is_recovery: bool = False
    """What is lost are restore points."""
    absent: int | None = None
    """What it is where the answer does not say; None: then nothing is known."""


@dataclass(frozen=True, slots=True)
class Lies:
    """How it is seen where a thing lies: of each part, the environment's name and places for environments.toml."""

    each: str = ""
    environment: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    """(list of environments.toml, template)."""


@dataclass(frozen=True, slots=True)
class ThingRule:
    """How one kind of thing is asked about."""

    kind: str
    id: "re.Pattern[str]"
    ask: Ask
    found: str
    """Path of the object, or of the objects among which `match` finds it."""
    match: str = ""
    more: tuple[str, ...] = ()
    """Paths that say `true` (or anything, with a leading `+`) where the answer is only a part."""
    unknown: "re.Pattern[str]" = _NOTHING
    """Error texts that say: there is no such thing."""
    lies: Lies = field(default_factory=Lies)
    facts: tuple[Fact, ...] = ()
    also: tuple[Step, ...] = ()
    """Questions beside the first one, whose answers say where it lies."""
    then: tuple[Step, ...] = ()
    less: tuple[Less, ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    narrowed_by: tuple[str, ...] = ()
    """Kinds that, named in the same operation, say which part of it is meant."""
    rounded: tuple[str, ...] = ()
    """Facts that move while nothing happens: bound with two digits."""
    drifting: tuple[str, ...] = ()
    """Facts that move by themselves: bound only as known or not."""


@dataclass(frozen=True, slots=True)
class PathRule:
    """A path that names a thing: `/v2/volumes/{volume}`; a word in braces is one segment."""

    pattern: "re.Pattern[str]"
    kind: str
    service: str = ""
    """Of AWS: the signing name whose paths these are."""
    operation: "re.Pattern[str] | None" = None
    """Only where the operation is such a one: what makes a thing names one that is not there yet."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """All of one file."""

    provider: str
    hosts: Glob
    kind: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Argument -> kind, wherever it stands."""
    operations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Operation -> argument -> kind."""
    paths: tuple[PathRule, ...] = ()
    things: Mapping[str, ThingRule] = field(default_factory=dict)
    first: tuple[First, ...] = ()
    """What could be done first or instead."""

    _fitting: dict[tuple[str, str], tuple[PathRule, ...]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    """What was found for operations asked about before: rules never change, and neither does this."""

    def paths_of(self, operation: str, service: str) -> tuple[PathRule, ...]:
        """Return the rules whose paths an operation may have; `service`: of AWS, else empty."""
        found = self._fitting.get((operation, service))
        if found is None:
            found = tuple(
                rule
                for rule in self.paths
                if rule.service == service and (rule.operation is None or rule.operation.search(operation))
            )
            if len(self._fitting) >= MAX_KEPT:
                self._fitting.clear()
            if len(operation) + len(service) <= MAX_ID_CHARS:
                self._fitting[operation, service] = found
        return found

    def speaks_for(self, kind: str, host: str) -> bool:
        """Tell whether this is the vendor behind a target."""
        return kind == self.kind and self.hosts.fullmatch(host) is not None


def read_vendor(table: Reader) -> Vendor:
    """Compile one file.

    Raises: ConfigError naming the row.
    """
    kind = table.string("kind", "rest")
    if kind not in _KINDS:
        raise table.wrong("kind", f"one of {', '.join(sorted(_KINDS))}")
    things = [_thing(row, kind) for row in table.rows("thing")]
    found = Vendor(
        provider=table.string("provider"),
        hosts=any_of(table.strings("hosts")),
        kind=kind,
        arguments=_words(table.inner("arguments")),
        operations={name.lower(): _words(row) for name, row in table.inner("operations").tables()},
        paths=tuple(_path(row) for row in table.rows("path")),
        things={one.kind: one for one in things},
        first=tuple(read_first(row) for row in table.rows("first")),
    )
    table.get("provenance")
    table.finish()
    if not found.provider:
        raise ConfigError(f"{table.where} needs a `provider`")
    if len(found.things) != len(things):
        raise ConfigError(f"{table.where}: a kind of thing stands twice")
    named = {*found.arguments.values(), *(rule.kind for rule in found.paths)}
    named |= {kind for words in found.operations.values() for kind in words.values()}
    for kind_named in sorted(named - set(found.things) - {""}):
        raise ConfigError(f"{table.where}: no `thing` says how a `{kind_named}` is looked up")
    return found


def _words(table: Reader) -> dict[str, str]:
    return {name: str(value) for name, value in table.attributes_here().items()}


def _path(row: Reader) -> PathRule:
    template, kind, service = row.string("path"), row.string("thing"), row.string("service")
    operation = _pattern(row, "operation", "") if row.get("operation") is not None else None
    flags = re.DOTALL | (re.IGNORECASE if row.boolean("any_case") else re.NOFLAG)
    row.finish()
    if not template.startswith("/") or not kind:
        raise ConfigError(f"{row.where} needs a `path` that begins with `/`, and a `thing`")
    return PathRule(_segments(template, flags), kind, service, operation)


def _segments(template: str, flags: re.RegexFlag) -> "re.Pattern[str]":
    """Compile a path: `{word}` is one segment, `{word+}` the rest, a final `*` anything below."""
    below = template.endswith("*")
    words = re.split(r"\{([a-z_]+\+?)\}", template.removesuffix("*").rstrip("/"))
    body = "".join(_segment(word) if at % 2 else re.escape(word) for at, word in enumerate(words))
    return re.compile(body + ("(?:/.*)?" if below else "/?"), flags)


def _segment(word: str) -> str:
    return f"(?P<{word[:-1]}>.+)" if word.endswith("+") else f"(?P<{word}>[^/]+)"


def _thing(row: Reader, kind: str) -> ThingRule:
    found = ThingRule(
        kind=row.string("kind"),
        id=_pattern(row, "id", r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"),
        ask=_ask(row.inner("ask"), kind),
        found=row.string("found"),
        match=row.string("match"),
        more=row.strings("more"),
        unknown=_pattern(row, "unknown", "") if row.get("unknown") is not None else _NOTHING,
        lies=_lies(row.inner("lies")),
        facts=_facts(row.inner("facts")),
        also=tuple(_step(step, kind) for step in row.rows("also")),
        then=tuple(_step(step, kind) for step in row.rows("then")),
        less=tuple(_less(one) for one in row.rows("less")),
        ids=tuple((name, str(path)) for name, path in row.attributes("ids").items()),
        narrowed_by=row.strings("narrowed_by"),
        rounded=row.strings("rounded"),
        drifting=row.strings("drifting"),
    )
    row.finish()
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", found.kind):
        raise row.wrong("kind", "a word of lower-case letters")
    return found


def _pattern(row: Reader, key: str, default: str) -> "re.Pattern[str]":
    try:
        return re.compile(row.string(key, default))
    except re.error as error:
        raise row.wrong(key, "a pattern that compiles") from error


def _ask(row: Reader, kind: str) -> Ask:
    found = Ask(
        method=row.string("method", "POST" if kind in ("graphql", "aws") else "GET"),
        path=row.string("path", "/"),
        query=row.string("query"),
        document=" ".join(row.string("document").split()),
        variables=_words(row.inner("variables")),
        form=row.string("form"),
        json=_words(row.inner("json")),
        target=row.string("target"),
        service=row.string("service"),
        host=row.string("host"),
        json_version=row.string("json_version", "1.0"),
    )
    row.finish()
    reads = found.method in ("GET", "HEAD") or kind in ("graphql", "aws")
    if not reads or not found.path.startswith("/"):
        raise ConfigError(f"{row.where}: a resolver asks with GET, at a `path` that begins with `/`")
    if kind == "graphql" and not re.match(r"(?:query\b|\{)", found.document):
        raise ConfigError(f"{row.where} needs a `document` that is a query")
    if len(found.document) > MAX_DOCUMENT_CHARS or "{id}" in found.document:
        hint = f"a document is at most {MAX_DOCUMENT_CHARS} long"
        raise ConfigError(f"{row.where}: ids go in as variables of a short `document`", hint=hint)
    if kind == "aws" and not found.service:
        raise ConfigError(f"{row.where} needs a `service`")
    return found


def _lies(row: Reader) -> Lies:
    each, environment = row.string("each"), row.strings("environment")
    places = tuple((name, template) for name in sorted(_PLACES) for template in row.strings(name))
    row.finish()
    return Lies(each, environment, places)


def _facts(row: Reader) -> tuple[Fact, ...]:
    found: list[Fact] = []
    for name, value in row.table.items():
        if name not in FACTS:
            raise ConfigError(f"{row.where}: there is no fact `{name}`", hint=f"known: {', '.join(sorted(FACTS))}")
        found.append(Fact(name, path=value) if isinstance(value, str) else _fact(name, row.inner(name)))
    return tuple(found)


def _fact(name: str, row: Reader) -> Fact:
    matches = _pattern(row, "matches", "") if row.get("matches") is not None else None
    value = row.get("value")
    if value is not None and not isinstance(value, str | int | bool):
        raise row.wrong("value", "a text, a number or true or false")
    found = Fact(name, row.string("path"), matches, value, row.string("unless"))
    row.finish()
    return found


def _step(row: Reader, kind: str) -> Step:
    found = Step(
        each=row.string("each"),
        ask=_ask(row.inner("ask"), kind),
        found=row.string("found"),
        facts=_facts(row.inner("facts")),
        more=row.strings("more"),
        name=row.string("name"),
        where=tuple((path, str(text)) for path, text in row.attributes("where").items()),
        none=_pattern(row, "none", "") if row.get("none") is not None else _NOTHING,
    )
    row.finish()
    return found


def _less(row: Reader) -> Less:
    found = Less(
        argument=row.string("argument"),
        path=row.string("path"),
        words=row.string("words"),
        is_recovery=row.boolean("recovery"),
        absent=row.integer("absent", 0) if row.get("absent") is not None else None,
    )
    row.finish()
    if not found.argument or not found.path or not found.words:
        raise ConfigError(f"{row.where} needs `argument`, `path` and `words`")
    return found
