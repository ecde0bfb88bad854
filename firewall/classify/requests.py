"""A request to a target: read as the API that the target is configured to be."""

from dataclasses import replace

from firewall.classify import gitwire
from firewall.classify.acting import mark_acting
from firewall.classify.api import aws_request
from firewall.classify.api.request import object_of
from firewall.classify.channels import is_channel, with_channel
from firewall.classify.context import Context
from firewall.classify.draft import Draft, shown, unknown_action
from firewall.classify.environments import PlaceKind
from firewall.classify.graphql import asks_in, judge_body, judge_query_string, steers, unread
from firewall.classify.http import Address, Request, address_of, judge_http, request_of
from firewall.classify.marking import mark_request
from firewall.classify.overrides import has_fields
from firewall.classify.resolvers.instead import LOSING
from firewall.classify.resolvers.things import counted, flat, named, numbers, vendor_of
from firewall.classify.resolvers.vendor import Vendor
from firewall.classify.sentences import placed
from firewall.core.action import UNRESOLVED, Action
from firewall.core.call import ToolCall
from firewall.core.effect import Effect
from firewall.core.ids import sha256_hex
from firewall.core.outgoing import Outgoing, decode
from firewall.core.target import TargetKind, TargetSpec

PREFIX = "infra/"
_SHOWN_DATA_BYTES = 4096
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_MILD = frozenset({Effect.READ})


def actions_of_request(call: ToolCall, context: Context) -> tuple[Action, ...]:
    """Return every action of a request to a target; at least one."""
    spec = context.targets.get(call.name.removeprefix(PREFIX))
    try:
        outgoing = decode(call.arguments)
    except ValueError:
        return (unknown_action(call.name, "a request that cannot be read"),)
    text = _shown(spec, outgoing)
    if spec is None:
        return (unknown_action(call.name, "a target that is not configured", text),)
    line = (0, len(outgoing.method) + 1 + len(outgoing.target))
    drafts = _drafts(spec, outgoing, context, line)
    if is_channel(outgoing):
        drafts = with_channel(drafts, spec, outgoing, context=context, span=line)
    for draft in drafts:
        _place(draft, spec, outgoing, context)
        draft.summary = placed(draft.summary, f"through target {shown(spec.name)}")
    path = len(outgoing.method) + 1
    mark_request(drafts, text, line, [(0, len(outgoing.method)), (path, path + len(outgoing.path))])
    return tuple([_named(draft, text, spec=spec, outgoing=outgoing, context=context) for draft in drafts])


def _named(draft: Draft, text: str, *, spec: TargetSpec, outgoing: Outgoing, context: Context) -> Action:
    """Return an action with what it names by id, where somebody looks that up or proposes another way with it."""
    action = draft.action(spec.name, text, target=spec.name)
    if not spec.looks_up and LOSING.isdisjoint(action.effects):
        return action
    vendor = vendor_of(spec, outgoing, context.catalogue)
    return action if vendor is None else _naming(action, draft, vendor, spec=spec, outgoing=outgoing)


def _naming(action: Action, draft: Draft, vendor: Vendor, *, spec: TargetSpec, outgoing: Outgoing) -> Action:
    """Return an action with what it names by id, and the numbers that it sets of it."""
    given, path, service = draft.given, outgoing.path, ""
    if spec.kind is TargetKind.AWS:
        given, service = flat(aws_request.given(outgoing)), outgoing.scope.partition("/")[2]
        path = aws_request.path_of(outgoing)
    things = named(vendor, draft.operation.partition(":")[2], given, path=path, service=service)
    wanted = counted(vendor, things) if things else ()
    sets = numbers(wanted, given if spec.kind is not TargetKind.REST else _in_body(outgoing)) if wanted else ()
    return replace(action, things=things, sets=sets) if things else action


def _in_body(outgoing: Outgoing) -> list[tuple[str, str]]:
    """Return the plain values of a REST request's body."""
    if not outgoing.body:
        return []
    text = outgoing.body.decode("utf-8", "replace")
    return flat(object_of(text, {"content-type": outgoing.header("content-type")}) or {})


def _shown(spec: TargetSpec | None, outgoing: Outgoing) -> str:
    """Return the request as people read it; a long object on its way into a store by length and hash."""
    is_long = len(outgoing.body) > _SHOWN_DATA_BYTES
    if spec is not None and spec.kind is TargetKind.AWS and is_long and aws_request.is_data(outgoing):
        said = f"({len(outgoing.body)} bytes of data, SHA-256 {sha256_hex(outgoing.body)})"
        return replace(outgoing, body=said.encode("ascii")).text()
    return outgoing.text()


def bound_request(call: ToolCall) -> bytes:
    """Return what an approval of the request is bound to."""
    try:
        outgoing = decode(call.arguments)
        return (aws_request.without_token(outgoing) if outgoing.scope else outgoing).bound()
    except ValueError:
        return call.arguments


def _drafts(spec: TargetSpec, outgoing: Outgoing, context: Context, span: tuple[int, int]) -> list[Draft]:
    request = _request(spec, outgoing)
    fetched_or_pushed = gitwire.drafts_of(outgoing, spec.host, span)
    if fetched_or_pushed is not None and spec.kind is TargetKind.REST:
        return fetched_or_pushed
    address = address_of(request.url)
    if spec.kind is TargetKind.GRAPHQL and address is not None:
        return _graphql(request, address, context, span)
    drafts = judge_http(request, context, span)
    if spec.kind is TargetKind.AWS:
        _name(drafts, outgoing)
    if not request.body_known:
        for draft in drafts:
            draft.unseen.append("a body that is no text")
    return drafts


def _request(spec: TargetSpec, outgoing: Outgoing) -> Request:
    headers, fields = _joined(outgoing), ""
    try:
        # An object that goes into a store is data, whatever it looks like.
        is_data = spec.kind is TargetKind.AWS and aws_request.is_data(outgoing)
        body, is_text = "" if is_data else outgoing.body.decode("utf-8"), True
    except UnicodeDecodeError:
        body, is_text = "", False
        if spec.kind is not TargetKind.AWS and has_fields(headers):
            fields = outgoing.body.decode("latin-1")
    return request_of(
        method=outgoing.method,
        url=f"https://{outgoing.host or spec.host}{outgoing.target}",
        headers=headers,
        body=body,
        body_known=is_text,
        fields=fields,
    )


def _joined(outgoing: Outgoing) -> dict[str, str]:
    """Return the fields by name, the values of one that stands several times joined."""
    headers = dict(outgoing.headers)
    if len(headers) == len(outgoing.headers):
        return headers
    return {name: outgoing.header(name) for name in headers}


def _name(drafts: list[Draft], outgoing: Outgoing) -> None:
    """Say what it is about, as the command line's actions do: `aws:rds/prod`."""
    subject = aws_request.subject_of(outgoing)
    for draft in drafts:
        service = draft.operation.removeprefix("http:").partition(":")[0] if ":" in draft.operation[5:] else ""
        draft.resource = f"aws:{service or outgoing.scope.partition('/')[2]}/{subject or '?'}"
        if subject and subject not in draft.summary:
            head, of, rest = draft.summary.partition(" of AWS ")
            draft.summary = f"{head} {shown(subject)}{of}{rest}" if of else placed(draft.summary, shown(subject))


def _graphql(request: Request, address: Address, context: Context, span: tuple[int, int]) -> list[Draft]:
    """Judge what a GraphQL endpoint is sent; both an address and a body that hold operations are read."""
    drafts: list[Draft] = []
    asks = asks_in(address.query)
    if asks:
        drafts += judge_query_string(address, context, span)
    if request.body or not request.body_known:
        drafts += judge_body(request, address, context, span)
        if not asks and steers(address.query, request.body):
            drafts.append(unread(address.host, span, "an address that says other than the body what runs"))
    mark_acting(drafts, request.headers, address.query, span=span)
    if drafts and request.method in ("GET", "POST"):
        return drafts
    # FAIL-CLOSED: a GraphQL server may do anything with what is no GraphQL request.
    draft = Draft(
        f"http:{request.method}",
        f"url:{address.host}{address.path}",
        effects={Effect.READ if request.method in _READING and not steers(address.query, "") else Effect.UNKNOWN},
        summary=f"sends {request.method} without an operation to a GraphQL endpoint",
    )
    draft.point(span, draft.summary)
    return [*drafts, draft]


def _place(draft: Draft, spec: TargetSpec, outgoing: Outgoing, context: Context) -> None:
    """Say where it lands: where a row says so, else the target's environment as far as that is known."""
    if draft.environment == UNRESOLVED and spec.account:
        account, region = f"aws/{spec.account}", outgoing.scope.partition("/")[0]
        places = [(PlaceKind.PROJECT, account), (PlaceKind.PROJECT, f"{account}/{region}")]
        draft.environment = context.environments.name_of(places)
    if draft.environment == UNRESOLVED and (spec.scoped or draft.effects <= _MILD):
        draft.environment = spec.environment
    draft.attributes["network"] = True
    draft.attributes.setdefault("host", outgoing.host or spec.host)
