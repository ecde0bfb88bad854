"""GraphQL: every root field of every operation that would run, each an action of its own.

Fragments, aliases, batches, `operationName` and variables are resolved; what cannot be (a persisted query, a
text that does not parse, variables that are not seen) is `unknown`. Directives count for nothing: a field
under `@skip(if: true)` is read as if it ran.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from firewall.classify.api.known import FieldRule, Pack
from firewall.classify.api.predicates import fits, is_wide
from firewall.classify.api.table import Operation
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.names import effects_of_names, tokens_of
from firewall.classify.phrases import field_does
from firewall.classify.resolvers.things import flat
from firewall.core.effect import Effect, severity, strictest
from firewall.core.fast_init import fast_init
from firewall.core.late import Late

if TYPE_CHECKING:
    import graphql

    from firewall.classify.http import Address, Request
else:
    graphql = Late("graphql")

MAX_DOCUMENT_CHARS = 64 * 1024
MAX_TOKENS = 4000
_USUAL_CHARS = 4096
MAX_BODY_CHARS = 512 * 1024
MAX_FIELDS = 200
MAX_BATCH = 50
"""Operations of one batch; those of a longer one are not all read."""
_TOKEN = re.compile(r"\w+|[^\s\w,]")
_WRITING = frozenset(
    {
        "create", "update", "add", "set", "enable", "rename", "start", "resume", "deploy", "upsert", "publish",
        "attach", "register", "connect", "pin", "unpin", "close", "reopen", "link", "mark", "move", "approve",
    }
)  # fmt: skip
"""Verbs that, first or last in the name of a known vendor's mutation, say that it writes."""
_INTROSPECTION = frozenset({"__schema", "__type", "__typename"})


@fast_init
@dataclass(frozen=True, slots=True)
class Document:
    """One GraphQL request."""

    query: str
    variables: Mapping[str, object]
    operation_name: str
    host: str
    source: Source
    sealed: bool = False
    """Something in it is not known before it runs."""


def looks_like_graphql(body: str) -> bool:
    """Tell whether a body is JSON with a GraphQL `query`."""
    return '"query"' in body[:20_000] and ("mutation" in body or "{" in body[body.find('"query"') + 7 :])


def judge_body(request: "Request", address: "Address", context: Context, span: tuple[int, int]) -> list[Draft]:
    """Judge the body of a request to a GraphQL endpoint."""
    source = request.body_source or Source(request.body, base=None, outer=span)
    if not request.body_known and not request.body:
        return [unread(address.host, source.whole(), "a body that is not seen")]
    if len(request.body) > MAX_BODY_CHARS:
        return [unread(address.host, source.whole(), "a body that is too long to read")]
    if request.headers.get("content-type", "").startswith("application/graphql"):
        return judge_document(
            Document(request.body, {}, "", address.host, source, not request.body_known), context
        )
    try:
        value = json.loads(request.body, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return [unread(address.host, source.whole(), "a body that is not JSON")]
    drafts: list[Draft] = []
    tokens = MAX_TOKENS
    for item in value if isinstance(value, list) else [value]:
        if tokens <= 0 or len(drafts) > MAX_BATCH:
            drafts.append(unread(address.host, source.whole(), "more operations than are read"))
            break
        query = item.get("query") if isinstance(item, dict) else None
        tokens -= _tokens(query) if isinstance(query, str) else 1
        drafts += _item(item, address.host, source, context, sealed=not request.body_known)
    return drafts or [unread(address.host, source.whole(), "an empty batch")]


def _tokens(query: str) -> int:
    """Return about how many tokens a document has: what reading it takes."""
    return sum(1 for _ in _TOKEN.finditer(query[:MAX_DOCUMENT_CHARS]))


_STEERING = frozenset({
    "doc_id", "docid", "document", "documentid", "extensions", "hash", "id", "operation", "operationid",
    "operationname", "query", "queryid", "sha256hash", "variables",
})  # fmt: skip
"""Parameters of an address, in lower case, that choose what a GraphQL server runs."""
_SPELLED = frozenset({"query", "variables", "operationName", "extensions"})
"""Those of them that may stand beside a document, as servers that heed the case spell them."""


def asks_in(query: str) -> bool:
    """Tell whether a query string holds a document, however its name is written."""
    return bool(query) and any(name.lower() == "query" for name, _ in parse_qsl(query, keep_blank_values=True))


def steers(query: str, body: str) -> bool:
    """Tell whether an address says other than the body what runs: servers put the address first."""
    given = parse_qsl(query, keep_blank_values=True) if query else ()
    said = [(name.lower(), value) for name, value in given if name.lower() in _STEERING]
    if not said:
        return False
    try:
        inner: object = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        inner = {}
    named = inner.get("operationName") if isinstance(inner, dict) else None
    return any(name != "operationname" or value != named for name, value in said)


def judge_query_string(address: "Address", context: Context, span: tuple[int, int]) -> list[Draft]:
    """Judge a GraphQL request in a URL."""
    pairs = parse_qsl(address.query, keep_blank_values=True)
    values = dict(pairs)
    names = {name.lower() for name in values}
    if len(names) < len(pairs):  # FAIL-CLOSED: some servers take the first of two, some the last, in any case
        return [unread(address.host, span, "a parameter that stands twice")]
    if not _SPELLED.issuperset(name for name in values if name.lower() in _STEERING):
        return [unread(address.host, span, "a parameter beside the document that may choose another")]
    variables: object = {}
    try:
        variables = json.loads(values.get("variables") or "{}")
    except (ValueError, RecursionError):
        variables = None
    source = Source(values.get("query", ""), base=None, outer=span)
    if not isinstance(variables, dict):
        return [unread(address.host, span, "variables that are not JSON")]
    return judge_document(
        Document(values.get("query", ""), variables, values.get("operationName", ""), address.host, source),
        context,
    )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError("duplicate key")
        found[key] = value
    return found


def _item(item: object, host: str, source: Source, context: Context, *, sealed: bool) -> list[Draft]:
    if not isinstance(item, dict):
        return [unread(host, source.whole(), "a request that is no object")]
    query = item.get("query")
    name = item.get("operationName") or ""
    variables = item.get("variables") or {}
    if not isinstance(query, str) or not query.strip():
        return [unread(host, source.whole(), "a persisted query, whose text is not seen")]
    if not isinstance(variables, dict) or not isinstance(name, str):
        return [unread(host, source.whole(), "variables or a name that are not of their kind")]
    return judge_document(Document(query, variables, name, host, source, sealed), context)


def _parsed(query: str) -> "graphql.DocumentNode":
    return _parsed_before(query) if len(query) <= _USUAL_CHARS else _parse(query)


def _parse(query: str) -> "graphql.DocumentNode":
    return graphql.parse(query, no_location=False, max_tokens=MAX_TOKENS)


_parsed_before = lru_cache(maxsize=32)(_parse)
"""Clients send few documents, over and over with other variables. Nobody changes a tree."""


def judge_document(document: Document, context: Context) -> list[Draft]:
    """Return one draft per root field that would run."""
    if len(document.query) > MAX_DOCUMENT_CHARS:
        return [unread(document.host, document.source.whole(), "a document that is too long to read")]
    try:
        tree = _parsed(document.query)
    except (graphql.GraphQLError, RecursionError):
        return [unread(document.host, document.source.whole(), "a document that does not parse")]
    operations = [node for node in tree.definitions if isinstance(node, graphql.OperationDefinitionNode)]
    chosen = [node for node in operations if node.name is not None and node.name.value == document.operation_name]
    if document.operation_name and len(chosen) != 1:
        return [
            unread(
                document.host, document.source.whole(), "an operation name that the document does not have once"
            )
        ]
    if is_wide(document.variables):
        document = replace(document, variables={}, sealed=True)
    drafts: list[Draft] = []
    for operation in chosen or operations:
        drafts += _operation(operation, tree, document, context)
    return drafts or [unread(document.host, document.source.whole(), "a document without an operation")]


def _operation(
    operation: "graphql.OperationDefinitionNode",
    tree: "graphql.DocumentNode",
    document: Document,
    context: Context,
) -> list[Draft]:
    fragments = {
        node.name.value: node for node in tree.definitions if isinstance(node, graphql.FragmentDefinitionNode)
    }
    fields = _root_fields(operation.selection_set, fragments)
    if fields is None:
        return [unread(document.host, document.source.whole(), "fragments that name each other or do not exist")]
    defaults = {
        node.variable.name.value: graphql.value_from_ast_untyped(node.default_value)
        for node in operation.variable_definitions or ()
        if node.default_value is not None
    }
    variables = {**defaults, **document.variables}
    drafts = [_field(field, operation.operation, variables, document, context) for field in fields[:MAX_FIELDS]]
    if len(fields) > MAX_FIELDS:
        drafts.append(unread(document.host, document.source.whole(), "more fields than are read"))
    return drafts


def _root_fields(
    selection: "graphql.SelectionSetNode", fragments: "Mapping[str, graphql.FragmentDefinitionNode]"
) -> "list[graphql.FieldNode] | None":
    """Return the root fields, fragments opened; None: one is missing or circular, or they are too many."""
    found: list[graphql.FieldNode] = []
    stack: list[tuple[graphql.SelectionSetNode, frozenset[str]]] = [(selection, frozenset())]
    steps = 0
    while stack:
        current, seen = stack.pop()
        for node in current.selections:
            steps += 1
            if steps > MAX_FIELDS * 2:
                return None
            if isinstance(node, graphql.FieldNode):
                found.append(node)
            elif isinstance(node, graphql.InlineFragmentNode):
                stack.append((node.selection_set, seen))
            elif isinstance(node, graphql.FragmentSpreadNode):
                name = node.name.value
                if name in seen or name not in fragments:
                    return None
                stack.append((fragments[name].selection_set, seen | {name}))
    return found


def _field(
    field: "graphql.FieldNode",
    kind: "graphql.OperationType",
    variables: Mapping[str, object],
    document: Document,
    context: Context,
) -> Draft:
    name = field.name.value
    arguments = {node.name.value: _value(node.value, variables) for node in field.arguments or ()}
    packs = [pack for pack in context.catalogue.packs if pack.hosts.fullmatch(document.host)]
    said = [found for pack in packs if (found := _said(name, kind, arguments, pack)) is not None]
    # FAIL-CLOSED: of several packs for a host the strictest speaks, whatever their order.
    strict = max(said, key=lambda one: severity(strictest(_effects_of(one))), default=None)
    pack, rule, listed = strict if strict is not None else (None, None, None)
    pack = pack or next(iter(packs), None)
    provider = pack.provider if pack is not None else document.host
    draft = Draft(f"graphql:{name}", f"field:{provider}/{name}", given=flat(arguments))
    if rule is not None:
        draft.effects |= set(rule.effects)
        draft.resource = _fill(rule.resource, arguments, provider) or draft.resource
        draft.summary = _fill(rule.summary, arguments, provider)
        draft.undo = _fill(rule.undo, arguments, provider)
    else:
        draft.effects |= (
            _by_name(name, kind, context, known=pack is not None) if listed is None else listed.effects
        )
        draft.by_name = listed is None
        told = field_does(name, arguments, listed.summary if listed else "", context.catalogue.words)
        where = f" at {shown(document.host)}" if document.host else ""
        draft.summary = f"{told} by the {kind.value} {shown(name)}{where}"
        if Effect.UNKNOWN in draft.effects:
            draft.unseen.append(f"what {shown(name)} does")
    for other in said:
        draft.effects |= _effects_of(other) - {Effect.READ}
    if document.sealed:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append("parts of the document that are not known before it runs")
    draft.point(_span(field, document), draft.summary)
    return draft


_Said = tuple[Pack, FieldRule | None, Operation | None]


def _said(name: str, kind: "graphql.OperationType", arguments: Mapping[str, object], pack: Pack) -> _Said | None:
    """Return what a pack says of a field: by a rule, else by its table; None: nothing."""
    rule = _rule(name, kind, arguments, pack)
    mutation = kind is graphql.OperationType.MUTATION
    listed = pack.table.field(name, mutation=mutation) if rule is None and pack.table is not None else None
    return (pack, rule, listed) if rule is not None or listed is not None else None


def _effects_of(said: _Said) -> set[Effect]:
    _, rule, listed = said
    if rule is not None:
        return set(rule.effects)
    return set(listed.effects) if listed is not None else set()


def _span(field: "graphql.FieldNode", document: Document) -> tuple[int, int]:
    """Find the field's words in the judged text; its name alone where the document was decoded."""
    if field.loc is not None and document.source.text == document.query:
        return document.source.span(field.loc.start, field.loc.end)
    at = document.source.text.find(field.name.value)
    if at >= 0:
        return document.source.span(at, at + len(field.name.value))
    return document.source.whole()


def _value(node: "graphql.ValueNode", variables: Mapping[str, object]) -> object:
    if isinstance(node, graphql.VariableNode):
        return variables.get(node.name.value)
    value: object = graphql.value_from_ast_untyped(node, dict(variables))
    return value


def _rule(
    name: str, kind: "graphql.OperationType", arguments: Mapping[str, object], pack: Pack
) -> FieldRule | None:
    table = pack.queries if kind is graphql.OperationType.QUERY else pack.mutations
    for rule in table.get(name, ()):
        if fits(rule.when, arguments, typed=True):
            return rule
    return None


def _by_name(name: str, kind: "graphql.OperationType", context: Context, *, known: bool) -> set[Effect]:
    """Read an operation that no pack names: queries read, mutations only raise; a known vendor's verbs count."""
    words = context.catalogue.words
    found = effects_of_names([name], words)
    if kind is not graphql.OperationType.MUTATION:
        if name in _INTROSPECTION:
            return {Effect.READ}
        return {Effect.SECRET} if Effect.SECRET in effects_of_names([f"get_{name}"], words) else {Effect.READ}
    raised = found & {Effect.DESTRUCTIVE, Effect.PRIVILEGE, Effect.EXEC, Effect.DISRUPTIVE}
    tokens = tokens_of(name)
    writes = known and bool(tokens) and bool({tokens[0], tokens[-1]} & _WRITING)
    return raised or {Effect.WRITE if writes else Effect.UNKNOWN}


def _fill(template: str, arguments: Mapping[str, object], provider: str) -> str:
    """Fill `{provider}` and `{argument.path}`; what is missing becomes `?`."""
    out: list[str] = []
    rest = template
    while "{" in rest:
        before, _, tail = rest.partition("{")
        key, _, rest = tail.partition("}")
        value: object = {"provider": provider}.get(key)
        if value is None:
            value = arguments
            for part in key.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
        out += [before, _plain(value)]
    return "".join([*out, rest])


def _plain(value: object) -> str:
    if isinstance(value, str):
        return "".join(char if char.isprintable() and char != "`" else "?" for char in value[:120])
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Sequence):
        return ",".join(_plain(item) for item in value[:5])
    return "?"


def unread(host: str, span: tuple[int, int], why: str) -> Draft:
    """Return the action of GraphQL that cannot be read, and why."""
    draft = Draft(
        "graphql:unknown", effects={Effect.UNKNOWN}, unseen=[why], summary=f"sends GraphQL to {shown(host)}: {why}"
    )
    draft.point(span, why)
    return draft
