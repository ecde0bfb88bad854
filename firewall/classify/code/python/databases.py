"""Databases that a Python program opens, and the statements that it gives them."""

import ast
import re
from urllib.parse import parse_qs

from firewall.classify.code.python.arguments import argument
from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import choices, text_of
from firewall.classify.draft import Source
from firewall.classify.rows import Verb
from firewall.classify.sql.judge import judge_sql

_FILES = re.compile(
    r"\b(?:ATTACH(?:\s+DATABASE)?|VACUUM(?:\s+\w+)?\s+INTO)\s+(?:'(?P<path>(?:[^']|'')*)'|(?P<other>[^\s;]+))",
    re.IGNORECASE,
)
"""Statements of SQLite that open or write another file."""
_NO_FILE = frozenset({"", ":memory:"})


def connect(_path: str, node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge `sqlite3.connect(path)`: a URI says whether a file may be made."""
    given = argument(node, 0, "database")
    by_uri = any(item.arg == "uri" for item in node.keywords)
    for path in choices(given, scope) or [None]:  # type: ignore[list-item]  # None: not known
        if not path or not (by_uri and path.startswith("file:")):
            sight.touch(Verb.READ, path, given or node)
            continue
        place, _, query = path.removeprefix("file:").partition("?")
        mode = parse_qs(query).get("mode", ["rwc"])[-1]
        if mode != "memory" and place not in _NO_FILE:
            verb = Verb.READ if mode in ("ro", "rw") else Verb.CREATE
            sight.touch(verb, "/" + place.lstrip("/") if place.startswith("//") else place, given or node)


def statement(node: ast.Call, scope: Scope, sight: Sight) -> None:
    """Judge a statement that is given to a database."""
    text = text_of(node.args[0], scope)
    if text is None:
        sight.opaque(node, "a database statement that is not known before it runs", unknown=True)
        return
    for match in _FILES.finditer(text):
        path = match.group("path")
        if path is None or path.replace("''", "'") not in _NO_FILE:
            sight.touch(Verb.CREATE, path.replace("''", "'") if path is not None else None, node.args[0])
    span = sight.span(node.args[0])
    sight.found.drafts.append(judge_sql(Source(text, base=None, outer=span), "python", sight.context, ()))
