"""What the arguments of an MCP call carry for other readers: SQL, shell, requests, GraphQL, code, manifests.

Found by the argument's name and by how its text looks; INVARIANT: what is found here is only added.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from firewall.classify import embedded
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source
from firewall.classify.graphql import Document, judge_document
from firewall.classify.http import Request, judge_http
from firewall.classify.mcp import words
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.walk import analyse
from firewall.core.effect import Effect
from firewall.core.fast_init import fast_init

MAX_CARRIED = 12
MAX_ITEMS = 400
MAX_READ_CHARS = 24 * 1024
"""What the readers of a call's texts are given, all texts together."""
MAX_TEXT_CHARS = 512 * 1024
"""A longer text is not looked at."""


@dataclass(slots=True)
class Carried:
    """What was found in the arguments."""

    drafts: list[Draft] = field(default_factory=list)
    effects: set[Effect] = field(default_factory=set)
    """What they add to the tool's own effects."""
    decides: bool = False
    """The tool runs a text that was read: what the text does is all that it does."""
    left: int = MAX_READ_CHARS
    """Characters that may still be read."""


_SQL = re.compile(
    r"(?:--[^\n]*+\n|/\*|\(|\s)*+(?:select|insert|update|delete|drop|alter|create|truncate|with|merge|grant|revoke|explain"
    r"|call|do|exec|execute|begin|set|vacuum|copy|show|replace|use|declare|prepare|analy[sz]e|reindex|comment)\b"
    r"|(?:--[^\n]*+\n|\s)*+(?:commit|rollback|end|abort)(?:\s++(?:work|transaction))?+\s*+;",
    re.IGNORECASE,
)
_GRAPHQL = re.compile(
    r"\s*+(?:#[^\n]*+\n\s*+)*+(?:query|mutation|subscription|fragment)?+\s*+\w*+\s*+(?:\([^)]*+\))?+\s*+\{",
    re.ASCII,
)
_SQL_KEYS = frozenset(
    {
        "sql",
        "query",
        "statement",
        "statements",
        "sqlstatements",
        "sqlstatement",
        "rawsql",
        "sqlquery",
        "migrationsql",
        "params",
    }
)
_SHELL_KEYS = frozenset({"command", "cmd", "commands", "commandline", "clicommand", "shellcommand", "bash"})
_CODE_KEYS = frozenset({"code", "script", "function", "javascript", "js", "python", "expression", "source"})
_URL_KEYS = frozenset({"url", "uri", "endpoint"})
_RUNNERS = re.compile(r"sql|quer(?:y|ies)|statement|transaction|database|explain|migration", re.IGNORECASE)
_CHOICES = frozenset(
    {
        "method",
        "action",
        "operation",
        "op",
        "mode",
        "verb",
        "type",
        "updatetype",
        "settingupdatetype",
        "command",
        "state",
        "status",
    }
)
_LOSES = frozenset({"forcedelete", "purge", "allowdestructive"})
_OTHER = re.compile(r"[^a-z]")


def carried(
    tool: str, arguments: Mapping[str, object], context: Context, text: str, *, dialect: str = ""
) -> Carried:
    """Return what arguments carry; `text` is what evidence points into, `dialect` that of SQL where known."""
    found = Carried()
    for count, (key, value) in enumerate(_leaves(arguments)):
        if count >= MAX_ITEMS or len(found.drafts) >= MAX_CARRIED:
            # FAIL-CLOSED: arguments that are too many to read are not read.
            found.effects.add(Effect.UNKNOWN)
            break
        if isinstance(value, str):
            _text(_Leaf(tool, key, value, arguments, context, text, dialect), found)
        elif value is True and key in _LOSES:
            found.effects.add(Effect.DESTRUCTIVE)
    _pipeline(arguments, found)
    return found


def _leaves(value: object, key: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield (key, leaf) of nested arguments; a list of words under a command key is one command line."""
    if isinstance(value, Mapping) and depth < 8:
        for name, item in value.items():
            yield from _leaves(item, _OTHER.sub("", str(name).lower()), depth + 1)
    elif isinstance(value, list) and depth < 8:
        if key in _SHELL_KEYS and value and all(isinstance(item, str) for item in value):
            yield key, " ".join(_quoted(str(item)) for item in value)
            return
        for item in value:
            yield from _leaves(item, key, depth + 1)
    else:
        yield key, value if depth < 8 else str(value)


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./=:,@%+-]+", word) else "'" + word.replace("'", "'\\''") + "'"


def _source(value: str, text: str) -> Source:
    at = text.find(value) if value else -1
    if at >= 0:
        return Source(value, base=at)
    written = json.dumps(value)[1:-1]
    at = text.find(written)
    return Source(value, base=None, outer=(at, at + len(written)) if at >= 0 else (0, 0))


@fast_init
@dataclass(frozen=True, slots=True)
class _Leaf:
    """One text among the arguments, with what it is read against."""

    tool: str
    key: str
    """The argument's name, letters only, in lower case."""
    value: str
    arguments: Mapping[str, object]
    context: Context
    whole: str
    """The text that evidence points into."""
    dialect: str

    @property
    def source(self) -> Source:
        """The text and where it stands: looked for only when somebody reads it."""
        return _source(self.value, self.whole)


def _text(leaf: _Leaf, found: Carried) -> None:
    if len(leaf.value) > MAX_TEXT_CHARS:
        found.effects.add(Effect.UNKNOWN)
        return
    if leaf.key in _CHOICES and re.fullmatch(r"[\w -]{1,60}", leaf.value):
        _choice(leaf.value, found)
    for keys, looks, read in _READERS:
        if leaf.key in keys and looks(leaf):
            found.left -= len(leaf.value)
            if found.left < 0 and found.drafts:
                # FAIL-CLOSED: texts that are too much to read are not read.
                found.effects.add(Effect.UNKNOWN)
            else:
                read(leaf, found)
            return
    if _GRANTS.search(leaf.value):
        found.effects.add(Effect.PRIVILEGE)


_GRANTS = re.compile(r"^kind:\s*(?:Cluster)?Role(?:Binding)?\b|\"kind\":\s*\"(?:Cluster)?Role", re.MULTILINE)


def _choice(value: str, found: Carried) -> None:
    """Add what the value of a `method` or `action` says, where it is worse than a write."""
    said = words.of_name(value).effects
    found.effects |= said & {Effect.DESTRUCTIVE, Effect.DISRUPTIVE, Effect.EXEC}


def _sql(leaf: _Leaf, found: Carried) -> None:
    found.decides = found.decides or bool(_RUNNERS.search(leaf.tool))
    found.drafts += embedded.read(leaf.source, "sql", leaf.dialect or leaf.tool, leaf.context, ()).drafts


def _shell(leaf: _Leaf, found: Carried) -> None:
    found.drafts += _on_their_own(analyse(leaf.source, leaf.context, Scope(cwds=(), machine=f"mcp:{leaf.tool}")))
    found.effects.add(Effect.EXEC)


def _on_their_own(drafts: list[Draft]) -> list[Draft]:
    """Note that what a text does goes where the text says: no argument beside it says where that is."""
    for draft in drafts:
        draft.own_way = True
    return drafts


def _code(leaf: _Leaf, found: Carried) -> None:
    found.effects.add(Effect.EXEC)
    language = "python" if re.search(r"^\s*(?:import|from|def)\s", leaf.value, re.MULTILINE) else "javascript"
    found.drafts += _on_their_own(embedded.read(leaf.source, language, leaf.tool, leaf.context, ()).drafts)


def _request(leaf: _Leaf, found: Carried) -> None:
    method = leaf.arguments.get("method")
    is_whole = "://" in leaf.value
    if not is_whole and not isinstance(method, str):
        return
    body = leaf.arguments.get("body", "")
    host = re.sub(r"[^a-z0-9]", "-", leaf.tool.lower())
    request = Request(
        method.upper() if isinstance(method, str) else "GET",
        leaf.value if is_whole else f"https://{host}.mcp.invalid/{leaf.value.lstrip('/')}",
        body=body if isinstance(body, str) else json.dumps(body),
    )
    drafts = judge_http(request, leaf.context, leaf.source.whole())
    if not is_whole:
        found.decides = True
        for draft in drafts:
            draft.addresses.clear()
            draft.attributes.pop("host", None)
    found.drafts += _on_their_own(drafts) if is_whole else drafts


def _graphql(leaf: _Leaf, found: Carried) -> None:
    variables = leaf.arguments.get("variables")
    document = Document(leaf.value, variables if isinstance(variables, Mapping) else {}, "", "", leaf.source)
    found.decides = True
    found.drafts += judge_document(document, leaf.context)


def _pipeline(arguments: Mapping[str, object], found: Carried) -> None:
    """Add what a MongoDB pipeline or filter does besides reading."""
    for key in ("pipeline", "filter", "query", "update"):
        value = arguments.get(key)
        if not isinstance(value, list | Mapping):
            continue
        names = {str(name) for item in (value if isinstance(value, list) else [value]) for name in _names(item, 0)}
        if names & {"$out", "$merge"}:
            found.effects.add(Effect.DESTRUCTIVE)
        if names & {"$where", "$function", "$accumulator"}:
            found.effects.add(Effect.EXEC)


def _names(value: object, depth: int) -> Iterator[str]:
    if depth > 8:
        return
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _names(item, depth + 1)
    elif isinstance(value, list):
        for item in value[:MAX_ITEMS]:
            yield from _names(item, depth + 1)


_RUNS_TEXT = re.compile(r"exec|run|shell|bash|command|terminal|ssh|process", re.IGNORECASE)
_RUNS_CODE = re.compile(r"exec|run|eval|code|script|python|js|browser", re.IGNORECASE)
_Read = Callable[[_Leaf, Carried], None]
_Looks = Callable[[_Leaf], bool]
_READERS: tuple[tuple[frozenset[str], _Looks, _Read], ...] = (
    (_SQL_KEYS, lambda leaf: "{" in leaf.value[:2000] and bool(_GRAPHQL.match(leaf.value[:2000])), _graphql),
    (_SQL_KEYS, lambda leaf: bool(_SQL.match(leaf.value[:400])) and " " in leaf.value.strip(), _sql),
    (
        frozenset({"clicommand"}),
        lambda leaf: bool(leaf.value.strip()),
        _shell,
    ),  # of AWS Labs' `call_aws`: always run
    (_SHELL_KEYS, lambda leaf: bool(_RUNS_TEXT.search(leaf.tool)) and bool(leaf.value.strip()), _shell),
    (
        _CODE_KEYS,
        lambda leaf: bool(re.search(r"[(;=\n]", leaf.value)) and bool(_RUNS_CODE.search(leaf.tool)),
        _code,
    ),
    (_URL_KEYS, lambda leaf: bool(leaf.value.strip()), _request),
)
"""Argument names, how their text must look, and who reads it; the first that fits."""
