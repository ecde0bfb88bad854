"""Bare text of a named kind to actions, for `stayhand policy explain`."""

import json
import re
from collections.abc import Mapping

from firewall.classify.api.routes import routes_of
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, unknown_action
from firewall.classify.embedded import MAX_CHARS, read
from firewall.classify.filetools import patch, paths_drafts
from firewall.classify.graphql import Document, judge_document
from firewall.classify.http import Request, address_of, judge_http
from firewall.classify.marking import json_value, mark_request, mark_values
from firewall.classify.mcp.calls import McpCall
from firewall.classify.mcp.calls import judge as judge_mcp
from firewall.classify.nested import script_actions
from firewall.classify.rows import Verb
from firewall.classify.shell.touches import Touched, does, touch_drafts, word_of
from firewall.classify.shell.walk import analyse, analyse_each
from firewall.classify.sql.judge import judge_sql
from firewall.classify.tool import actions_of, start_scope
from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect

KINDS = ("shell", "sql", "http", "graphql", "aws", "mcp", "javascript", "python", "patch", "powershell")


def actions_of_input(kind: str, text: str, context: Context, *, dialect: str = "") -> tuple[Action, ...]:
    """Return the actions of a piece of text; at least one, `unknown` for kinds that have no reader yet.

    `dialect` names the dialect of `sql`; without one the strictest of several readings counts; `powershell` says
    so of shell text. `http` and `graphql` are JSON: {method, url, headers, body} and {endpoint, query, variables};
    `graphql` may also be the bare document.
    """
    try:
        return _read(kind, text, context, dialect)
    except RecursionError:
        # FAIL-CLOSED: text too deeply nested to read is not read.
        return (unknown_action(kind, "text that is too deeply nested to read", text),)


def warm(context: Context) -> None:
    """Load what loads late, and read one small text of each kind: no call waits for it any more."""
    load_late(context)
    for kind, text in SAMPLES:
        actions_of_input(kind, text, context)


def load_late(context: Context) -> None:
    """Load what loads late; reads no text of a grammar that can read only one at a time, so a thread may do it.

    The library for GraphQL, parsers of SQL, and the tables of vendors' operations: Google's alone takes longer
    than a call may.
    """
    actions_of_input("graphql", "{ a }", context)
    for row in context.catalogue.hosts:
        if row.table is not None and row.kind != "aws":
            for method in _METHODS:
                routes_of(row.table, method)
    for dialect in ("", "mysql", "sqlite", "snowflake", "bigquery", "tsql", "redshift", "clickhouse"):
        actions_of_input("sql", "SELECT a FROM t WHERE b = 1", context, dialect=dialect)


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SAMPLES = (
    ("shell", "ls | head -1"),
    ("shell", "python3 -c 'print(1)'; node -e '1'; pwsh -c ls"),
    ("sql", "SELECT 1"),
    ("sql", "/*!50000 SELECT 1 */"),
    ("http", '{"method": "GET", "url": "https://example.com/a"}'),
    ("graphql", "{ a }"),
    ("mcp", '{"server": "a", "tool": "list_things", "arguments": {}}'),
    ("javascript", "1"),
    ("python", "1"),
)
"""One small text of each kind."""


def _read(kind: str, text: str, context: Context, dialect: str) -> tuple[Action, ...]:
    match kind:
        case "shell" | "aws" | "powershell":
            language = "powershell" if "powershell" in (kind, dialect) else "shell"
            drafts = analyse(Source(text), context, start_scope(context), language=language)
        case "patch":
            drafts = patch(text, context, start_scope(context))
        case "sql":
            drafts = [judge_sql(Source(text), dialect or "sql", context, ())]
        case "http":
            return _http(text, context)
        case "graphql":
            return _graphql(text, context)
        case "mcp":
            return _mcp(text, context)
        case "javascript" | "python":
            return _code(kind, text, context)
        case _:
            return (unknown_action(kind, f"no reader for {kind} yet", text),)
    return tuple(draft.action(kind, text) for draft in drafts)


_TOOLS = re.compile(r"\btools\b|\\u")
"""Codex's `exec` script, and not a program for Node: it speaks of the global that only Codex has."""


def _code(kind: str, text: str, context: Context) -> tuple[Action, ...]:
    if kind == "javascript" and _TOOLS.search(text[:MAX_CHARS]):
        return script_actions(
            ToolCall("", "exec", text.encode("utf-8", "replace"), CallForm.TEXT), text, context, actions_of
        )
    found = read(Source(text), kind, kind, context, ())
    scope = start_scope(context)
    drafts = found.drafts
    for verb in dict.fromkeys(touch.verb for touch in found.touches):
        words = [Touched(verb, word_of(touch), touch.recursive) for touch in found.touches if touch.verb is verb]
        for group in touch_drafts(words, scope, context):
            group.draft.operation = f"code:{verb.value}"
            group.draft.summary = f"runs code that {does(verb, group.shown)}"
            drafts.append(group.draft)
    if found.reads is not None:
        items = [(Verb.READ, name) for name in found.reads]
        drafts += paths_drafts(items, context, scope, text=text) or [_prints(context)]
    drafts += analyse_each(found.shell, context, start_scope(context))
    return tuple(draft.action(kind, text) for draft in drafts or [_prints(context)])


def _prints(context: Context) -> Draft:
    draft = Draft("code:inline", "none:", effects={Effect.READ}, summary="runs code that only reads and prints")
    draft.environment = LOCAL if context.workspace else UNRESOLVED
    draft.inside_workspace = bool(context.workspace)
    return draft


def _object(text: str) -> Mapping[str, object] | None:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def _http(text: str, context: Context) -> tuple[Action, ...]:
    value = _object(text)
    if value is None:
        return (unknown_action("http", "a request that is no JSON object", text),)
    headers = value.get("headers")
    body = value.get("body", "")
    request = Request(
        method=str(value.get("method", "GET")).upper(),
        url=str(value.get("url", "")),
        headers={str(key).lower(): str(item) for key, item in headers.items()}
        if isinstance(headers, Mapping)
        else {},
        body=body if isinstance(body, str) else json.dumps(body),
    )
    whole = (0, len(text))
    drafts = judge_http(request, context, whole)
    head = [json_value(text, name, value.get(name)) for name in ("method", "url")]
    mark_request(drafts, text, whole, [span for span in head if span is not None])
    return tuple(draft.action("http", text) for draft in drafts)


def _mcp(text: str, context: Context) -> tuple[Action, ...]:
    """Judge {server, tool, description, arguments, annotations}."""
    value = _object(text)
    if value is None or not isinstance(value.get("tool"), str) or not value["tool"]:
        return (unknown_action("mcp", "a call that is no JSON object with a `tool`", text),)
    arguments, hints = value.get("arguments", {}), value.get("annotations", {})
    if not isinstance(arguments, Mapping):
        return (unknown_action("mcp", "arguments that are no JSON object", text),)
    call = McpCall(
        server=str(value.get("server", "")),
        tool=str(value["tool"]),
        arguments=arguments,
        description=str(value.get("description", "")),
        hints=hints if isinstance(hints, Mapping) else {},
    )
    return tuple(draft.action("mcp", text) for draft in judge_mcp(call, context, text))


def _graphql(text: str, context: Context) -> tuple[Action, ...]:
    value = _object(text)
    if value is None:
        return tuple(
            draft.action("graphql", text)
            for draft in judge_document(Document(text, {}, "", "", Source(text)), context)
        )
    address = address_of(str(value.get("endpoint", "")))
    variables = value.get("variables")
    document = Document(
        query=str(value.get("query", "")),
        variables=variables if isinstance(variables, Mapping) else {},
        operation_name=str(value.get("operationName") or ""),
        host=address.host if address is not None else "",
        source=Source(text),
    )
    drafts = judge_document(document, context)
    mark_values(drafts, text)
    return tuple(draft.action("graphql", text) for draft in drafts)
