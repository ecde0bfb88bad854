"""One REST request to effects: rules by hand, the host's table, the shape of its path, then its words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from firewall.classify.api import aws, kubernetes, postgrest
from firewall.classify.api.arguments import dialect_of, judge_arguments, sql_of, wire_arguments
from firewall.classify.api.batches import batched
from firewall.classify.api.bulk import read_bulk
from firewall.classify.api.known import HostRow, hangs_on_arguments, rule_for
from firewall.classify.api.offered import offer_of
from firewall.classify.api.request import MAX_BODY_CHARS, object_of, query_of, readings, words_of_query
from firewall.classify.api.routes import find, routes_of
from firewall.classify.api.statements import statements
from firewall.classify.api.table import Operation, Table
from firewall.classify.catalogue import Catalogue, Words
from firewall.classify.draft import shown
from firewall.classify.names import effects_of_names, tokens_of
from firewall.classify.phrases import summarised, verbs_of
from firewall.core.effect import Effect, severity, strictest
from firewall.core.fast_init import fast_init, maker

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PLAIN = {
    "GET": Effect.READ,
    "HEAD": Effect.READ,
    "OPTIONS": Effect.READ,
    "POST": Effect.WRITE,
    "PUT": Effect.WRITE,
    "PATCH": Effect.WRITE,
    "DELETE": Effect.DESTRUCTIVE,
}
_PLAIN_SEGMENT = re.compile(r"v?\d+|[0-9a-f-]{16,}|\{.*\}")
_DELETED = re.compile(
    r"\"(?:_?(?:is_?)?(?:deleted|destroy|removed)|_delete)\"\s*:\s*(?:true|1\b|\"true\")", re.IGNORECASE
)
_STATUS = re.compile(r"\"(?:status|state)\"\s*:\s*\"(?:deleted|destroyed|deleting|removed)\"", re.IGNORECASE)
_TO_ZERO = re.compile(
    r"\"(?:replicas|min_?instances|max_?instances|instance_?count|desired_?(?:capacity|count)|num_?replicas)\""
    r"\s*:\s*0\b",
    re.IGNORECASE,
)
_AWS_READS = re.compile(r"(?:Get|List|Describe|Head|Batch ?Get)(?![a-z])")


@fast_init
@dataclass(frozen=True, slots=True)
class Asked:
    """A request as this module needs it."""

    method: str
    host: str
    port: int
    path: str
    """Unquoted."""
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: str
    body_known: bool = True


asked_of = maker(Asked)
"""Makes a request."""


@dataclass(slots=True)
class Judged:
    """What a request does."""

    effects: set[Effect]
    summary: str = ""
    operation: str = ""
    unseen: list[str] = field(default_factory=list)
    sql: str = ""
    """SQL that the operation runs; its effects are for a reader of SQL to say."""
    dialect: str = ""
    hides: bool = False
    """What runs that SQL may do more than it says."""
    by_name: bool = False
    """Told by method and words alone: nobody said what this operation does."""


judged_of = maker(Judged)
"""Makes a judgement."""


def judge_rest(asked: Asked, row: HostRow | None, catalogue: Catalogue) -> Judged:
    """Return what a request does; where its path can be read in two ways, what either would do."""
    if row is not None and row.kind == "aws":
        return _aws(asked, row, catalogue)
    if row is not None and row.kind == "kubernetes":
        return _joined([_kubernetes(asked, segments, catalogue) for segments in readings(asked.raw_path)])
    if row is None and kubernetes.looks_like(asked.path):
        return _joined([_perhaps_kubernetes(asked, segments, catalogue) for segments in readings(asked.raw_path)])
    return _joined([_listed(asked, segments, row, catalogue) for segments in readings(asked.raw_path)])


def _joined(found: list[Judged]) -> Judged:
    first = found[0]
    for other in found[1:]:
        # FAIL-CLOSED: which reading the server takes is not known.
        if other.effects - first.effects:
            first = Judged(
                first.effects | other.effects,
                other.summary or first.summary,
                other.operation or first.operation,
                [*first.unseen, *other.unseen],
                by_name=first.by_name or other.by_name,
            )
    return first


def _kubernetes(asked: Asked, segments: list[str], catalogue: Catalogue) -> Judged:
    body = object_of(asked.body, asked.headers)
    offer = offer_of(catalogue.apis.get("kubernetes"))
    effects, summary = kubernetes.judge(asked.method, segments, query_of(asked.query), body, offer=offer)
    if effects != {Effect.WRITE} or body is not None or not asked.body:
        return Judged(effects, summary)
    # FAIL-CLOSED: nothing of a change could be read, and it may stop everything or let data go.
    return Judged({*effects, Effect.UNKNOWN}, summary, unseen=["the body that says what changes"])


def _postgrest(asked: Asked, segments: list[str], row: HostRow) -> Judged:
    inner = segments[2:] if segments[:2] == ["rest", "v1"] else segments
    effects, summary = postgrest.judge(asked.method, inner, query_of(asked.query))
    sql = "" if asked.method in READING else postgrest.sql_in(inner, object_of(asked.body, asked.headers))
    return Judged(
        effects, summary, f"{row.provider}:{'/'.join(inner[:2])}", sql=sql, dialect="postgres", hides=True
    )


def _perhaps_kubernetes(asked: Asked, segments: list[str], catalogue: Catalogue) -> Judged:
    """Judge a host that nobody named but whose path has the shape: it raises; only a likely cluster lowers."""
    likely = kubernetes.is_likely_cluster(asked.host, asked.port)
    judged = _kubernetes(asked if likely else replace(asked, query=""), segments, catalogue)
    if not likely and asked.method not in READING and judged.effects <= {Effect.READ, Effect.WRITE}:
        # FAIL-CLOSED: anybody's server may have such paths.
        judged.effects = {Effect.UNKNOWN}
    return judged


def _listed(asked: Asked, segments: list[str], row: HostRow | None, catalogue: Catalogue) -> Judged:
    path = "/" + "/".join(segments) + ("/" if asked.path.endswith("/") and segments else "")
    listed = _of_table(asked, segments, row)
    name = listed.name if listed is not None else ""
    body = object_of(asked.body, asked.headers)
    if row is not None:
        arguments = {**query_of(asked.query), **(body or {})}
        rule = rule_for(row.rules, asked.method, path, operation=name, arguments=arguments)
        if rule is not None and rule.reads:
            bulk = read_bulk(asked.body if asked.body_known else "")
            return Judged(set(bulk.effects), bulk.summary, name)
        if rule is not None:
            sql = statements(rule.sql, arguments, asked.body) if rule.sql else ""
            return Judged(set(rule.effects), rule.summary, name, sql=sql, dialect=rule.dialect)
        if row.kind == "postgrest" and row.paths.fullmatch(path):
            return _postgrest(asked, segments, row)
    judged = (
        _silent(asked, path, row, catalogue) if listed is None else _told(asked, path, listed, catalogue.words)
    )
    unseen = not asked.body_known or (asked.body != "" and body is None)
    if row is not None and unseen and hangs_on_arguments(row.rules, asked.method, path, operation=name):
        # FAIL-CLOSED: the rules would look at a body that is not seen.
        judged.effects.add(Effect.UNKNOWN)
        judged.unseen.append("the body that says what happens")
    return judged


def _silent(asked: Asked, path: str, row: HostRow | None, catalogue: Catalogue) -> Judged:
    """Judge what neither a rule nor the table names."""
    if row is not None and row.plain and asked.method in _PLAIN:
        return Judged(_told_by_body(asked) or {_PLAIN[asked.method]})
    effects = _by_words(asked, path, catalogue.words, known=row is not None and row.known)
    return Judged(effects, by_name=asked.method not in READING)


def _told(asked: Asked, path: str, listed: Operation, words: Words) -> Judged:
    """Judge an operation of the table; its body may say that it deletes after all."""
    told = _summarised(listed.summary, verbs_of(words))
    summary = f"{told}: {shown(path)} at {shown(asked.host)}" if told else ""
    return judged_of(set(listed.effects) | _told_by_body(asked), summary, listed.name)


_summarised = lru_cache(maxsize=4096)(summarised)
"""What a table's operation does is told in the same words each time."""


def _of_table(asked: Asked, segments: list[str], row: HostRow | None) -> Operation | None:
    if row is None or row.table is None:
        return None
    query = words_of_query(asked.query)
    methods = ("HEAD", "GET") if asked.method == "HEAD" else (asked.method,)
    for method in methods:
        operation = find(routes_of(row.table, method), method, segments, query)
        if operation is not None:
            return operation
    return None


def _may_say_gone(body: str, text: str) -> bool:
    """Tell at once whether one of the words stands there by which a body says that it deletes.

    `text` is the body in lower case.
    """
    if not body.isascii():  # letters of other alphabets that are taken for ours: the patterns know them
        return True
    return "delete" in text or "deleting" in text or "destroy" in text or "removed" in text


def _told_by_body(asked: Asked) -> set[Effect]:
    if asked.method in READING:
        return set()
    head = asked.body[:MAX_BODY_CHARS]
    if not head:
        return set()
    lower = head.lower()
    if _may_say_gone(head, lower) and (_DELETED.search(head) or _STATUS.search(head)):
        return {Effect.DESTRUCTIVE}
    if inner := batched(asked.path, asked.headers.get("content-type", ""), head, lower):
        return inner
    return {Effect.DISRUPTIVE} if asked.method in ("PUT", "PATCH") and _TO_ZERO.search(head) else set()


def _by_words(asked: Asked, path: str, words: Words, *, known: bool) -> set[Effect]:
    """Judge a request by method and the words of its path, where nothing says more."""
    segments = [part for part in path.split("/") if part and not _PLAIN_SEGMENT.fullmatch(part)]
    tokens = {token for part in segments for token in tokens_of(part)}
    last = set(tokens_of(segments[-1])) if segments else set()
    if asked.method in READING and _says_it_changes(asked, segments, path, words):
        return {Effect.UNKNOWN}
    if asked.method in READING:
        shows = "kubeconfig" in tokens or "credentials" in last or (last & words.secret and path[-1] != "s")
        return {Effect.SECRET} if shows else {Effect.READ}
    if asked.method == "DELETE":
        return {Effect.DESTRUCTIVE, Effect.PRIVILEGE} if tokens & words.privilege else {Effect.DESTRUCTIVE}
    told = _told_by_body(asked)
    if last & words.destructive or Effect.DESTRUCTIVE in told:
        return {Effect.DESTRUCTIVE}
    sent = _sending(asked, tokens, last, words, known=known)
    return (sent - {Effect.WRITE} | told) if told else sent


_VERB_FIELDS = frozenset({"action", "do", "cmd", "command", "op", "operation", "task", "method", "act"})
_DO = frozenset({"do", "confirm"})


def _says_it_changes(asked: Asked, segments: Sequence[str], path: str, words: Words) -> bool:
    """Tell whether a GET asks for a change all the same: `?action=delete`, `/items/1/delete`, `doDelete`."""
    for name, value in query_of(asked.query).items():
        said = tokens_of(value) if isinstance(value, str) else []
        if name.lower() in _VERB_FIELDS and said and said[0] in words.destructive:
            return True
    last = tokens_of(segments[-1]) if segments else []
    if last[:1] and last[0] in _DO:
        return len(last) > 1 and last[1] in words.destructive
    parts = path.rstrip("/").split("/")
    named = len(parts) > 2 and _PLAIN_SEGMENT.fullmatch(parts[-2]) is not None
    return named and len(last) == 1 and last[0] in words.destructive


def _sending(asked: Asked, tokens: set[str], last: set[str], words: Words, *, known: bool) -> set[Effect]:
    if last & (words.execute | {"attach"}):
        return {Effect.EXEC}
    if known:
        return {Effect.PRIVILEGE} if tokens & words.privilege else {Effect.WRITE}
    is_search = bool(last & {"search", "count"}) and asked.method == "POST" and asked.body_known
    return {Effect.READ} if is_search else {Effect.UNKNOWN}


def _aws(asked: Asked, row: HostRow, catalogue: Catalogue) -> Judged:
    """AWS names its operation in a header, in the form body, in the address or by the path: all of them count.

    FAIL-CLOSED: which of several a service goes by is its own affair, so the strictest decides.
    """
    body = object_of(asked.body, asked.headers)
    query = query_of(asked.query)
    target = asked.headers.get("x-amz-target", "")
    form = _text(body, "Action") if asked.body.lstrip()[:1] not in ("{", "[") else ""
    actions = [name for name in (form, _text(query, "Action"), _rpc(asked.path)) if name]
    action = target.rpartition(".")[2] or next(iter(actions), "")
    table = row.table
    if table is None:
        return Judged(effects_of_names([action], catalogue.words) or {Effect.UNKNOWN}, operation=action)
    listed = _aws_listed(asked, table, target, actions)
    doubts = _aws_doubts(asked, table, catalogue.words, is_form_unread=bool(actions) and not form and body is None)
    if target and _is_beside(table, asked.host, target, listed):
        doubts.add(Effect.UNKNOWN)
    if not listed:
        return Judged(_aws_by_words(asked, action, catalogue.words) | doubts, operation=action)
    arguments = wire_arguments({**_in_fields(asked.headers), **query}, body, asked.body)
    judged = [judge_arguments(item, arguments, row, seen=asked.body_known) for item in listed]
    effects, summary = max(judged, key=lambda one: severity(strictest(one[0])))
    first = listed[judged.index((effects, summary))]
    return Judged(
        effects | doubts,
        summary,
        f"{first.service}:{first.operation.name}",
        sql=sql_of(listed[0], arguments) if len(listed) == 1 and not doubts else "",
        dialect=dialect_of(listed[0]),
    )


def _aws_listed(asked: Asked, table: Table, target: str, actions: Sequence[str]) -> list[aws.Known]:
    """Return every operation that the table knows by what a request says."""
    served = {service.name for service in aws.services_at(table, asked.host)}
    named = aws.by_target(table, target) if target else None
    found = [named] if named is not None and named.service in served else []
    for action in actions:
        found += aws.by_action(table, asked.host, action)
    words = words_of_query(asked.query)
    for segments in readings(asked.raw_path):
        by_path = aws.by_path(table, asked.host, asked.method, path=segments, query=words)
        found += [_copied(table, item, asked) for item in by_path]
    return found


def _is_beside(table: Table, host: str, target: str, listed: Sequence[aws.Known]) -> bool:
    """Tell whether a target header is another service's than the host's, or stands beside another operation."""
    if listed:
        return aws.by_target(table, target) not in listed
    return bool(aws.services_at(table, host)) and not aws.takes_target(table, host, target)


def _aws_doubts(asked: Asked, table: Table, words: Words, *, is_form_unread: bool) -> set[Effect]:
    """Return what a request may do besides what it names: by a path nobody lists, by a body that was not read."""
    doubts = {Effect.UNKNOWN} if is_form_unread and (asked.body or not asked.body_known) else set()
    is_root = asked.path in ("", "/") or bool(_rpc(asked.path))
    if is_root or asked.method in READING or not aws.has_routes(table, asked.host):
        return doubts
    known = any(
        aws.by_path(table, asked.host, asked.method, path=segments, query=words_of_query(asked.query))
        for segments in readings(asked.raw_path)
    )
    return doubts if known else doubts | _aws_by_words(asked, "", words)


_NOT_COPIED = {"CopyObject": "PutObject", "UploadPartCopy": "UploadPart"}


def _copied(table: Table, item: aws.Known, asked: Asked) -> aws.Known:
    """Tell an upload from a copy on the side of the server: the same address, but for a header field."""
    name = item.operation.name
    names = _NOT_COPIED if "x-amz-copy-source" not in asked.headers else {v: k for k, v in _NOT_COPIED.items()}
    return (aws.by_command(table, item.service, names[name]) or item) if name in names else item


def _in_fields(headers: Mapping[str, str]) -> dict[str, object]:
    """Return the arguments that S3 takes from header fields (`x-amz-acl`, `x-amz-copy-source`)."""
    return {
        name.removeprefix("x-amz-"): value
        for name, value in headers.items()
        if name.startswith("x-amz-") and name != "x-amz-target"
    }


def _rpc(path: str) -> str:
    found = re.fullmatch(r"/service/[^/]+/operation/([^/]+)", path)
    return found[1] if found is not None else ""


def _text(arguments: Mapping[str, object] | None, name: str) -> str:
    value = (arguments or {}).get(name)
    return value if isinstance(value, str) else ""


def _aws_by_words(asked: Asked, action: str, words: Words) -> set[Effect]:
    """Judge an operation that the table does not name: by its verb, without one by the method."""
    if action:
        if _AWS_READS.match(action):
            return effects_of_names([action], words) & {Effect.SECRET} or {Effect.READ}
        return effects_of_names([action], words) or {Effect.UNKNOWN}
    segments = [part for part in asked.path.split("/") if part]
    named = effects_of_names(segments[-1:], words)
    if asked.method in READING:
        return {Effect.SECRET} if Effect.SECRET in named else {Effect.READ}
    if asked.method == "DELETE":
        return {Effect.DESTRUCTIVE}
    raised = named & {Effect.DESTRUCTIVE, Effect.PRIVILEGE, Effect.EXEC}
    return raised or {Effect.UNKNOWN}
