"""One HTTP request, whoever sends it: method, host, path, headers and body to effects."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote, urlsplit

from firewall.classify.catalogue import HostRow
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.environments import PlaceKind
from firewall.classify.names import effects_of_names, tokens_of
from firewall.core.effect import Effect, severity

MAX_URL_CHARS = 8192
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_CREDENTIAL_HEADER = re.compile(
    r"(?:authorization|proxy-authorization|cookie|.*(?:api-?key|token|secret|auth|access-?key).*)", re.IGNORECASE
)
_OPEN_HEADER = frozenset({"x-csrf-token", "x-amz-target", "www-authenticate"})
_SENSITIVE_QUERY = re.compile(
    r"(?:api_?key|access_?token|token|secret|password|sig|signature|auth)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as far as it is known."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: str = ""
    body_source: Source | None = None
    body_known: bool = True
    """False: the body comes from a file, the standard input or an unknown word."""
    from_file: bool = False
    """The body is, or holds, a local file."""
    sends_secret: bool = False
    """That file, or a variable in the request, usually holds a credential."""
    credentials: bool = False
    """A credential beside the headers (`-u`)."""
    url_known: bool = True
    secret_in_url: bool = False
    """A variable in the address is named like a credential."""
    carries_output: bool = False
    """The address or a header holds the output of a command."""
    redirected: str = ""
    """An option sends it somewhere else than its address says, or through somebody else."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL that say where it goes."""

    host: str
    port: int
    path: str
    query: str
    scheme: str

    @property
    def text(self) -> str:
        """Return `host:port/path`."""
        return f"{self.host}:{self.port}{self.path}"


def address_of(url: str) -> Address | None:
    """Read a URL, with or without a scheme; None when it has no host."""
    if len(url) > MAX_URL_CHARS:
        return None
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text.replace("\\", "/"))
        host = plain_host(parts.hostname or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if not host:
        return None
    return Address(host, port, unquote(parts.path or "/"), parts.query, parts.scheme)


def plain_host(host: str) -> str:
    """Write a host as the programs that connect to it do: look-alike dots and digits, invisible characters."""
    if host.isascii():
        return host.rstrip(".").lower()
    folded = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    return "".join(char for char in folded if unicodedata.category(char) != "Cf").rstrip(".").lower()


_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_OVERRIDING = frozenset({"DELETE", "PUT", "PATCH", "POST"})
_WEB = frozenset({"http", "https", "ws", "wss", "ftp", "ftps", "sftp"})


def _meant(request: Request) -> Request:
    """Take the method that a header or a `_method` parameter asks the server to use, where it is stricter."""
    asked = [request.headers.get(name, "") for name in _OVERRIDES]
    try:
        query = urlsplit(request.url).query
    except ValueError:
        return request
    asked += [value for name, value in parse_qsl(query) if name.lower() in ("_method", "x-http-method-override")]
    meant = next((value.upper() for value in asked if value.upper() in _OVERRIDING), "")
    return replace(request, method=meant) if meant and request.method != "DELETE" else request


def judge_http(request: Request, context: Context, span: tuple[int, int]) -> list[Draft]:
    """Return drafts for a request; several where its body holds several operations."""
    request = _meant(request)
    address = address_of(request.url)
    if address is None:
        return [_nowhere(request, span)]
    row = next((row for row in context.catalogue.hosts if row.hosts.fullmatch(address.host)), None)
    drafts = _graphql(request, address, row, context, span)
    if drafts is None:
        drafts = [_rest(request, address, row, context, span)]
    elif not _is_endpoint(address, row) or request.method not in ("GET", "POST"):
        # FAIL-CLOSED: only the body looks like GraphQL; the path may mean anything.
        drafts.append(_rest(request, address, row, context, span))
    for draft in drafts:
        _complete(draft, request, address, context)
    return drafts


def _nowhere(request: Request, span: tuple[int, int]) -> Draft:
    draft = Draft(
        f"http:{request.method}",
        effects={Effect.UNKNOWN},
        summary=f"sends a request to {shown(request.url)}: not an address that can be read",
    )
    draft.unseen.append("where the request goes")
    draft.point(span, draft.summary)
    return draft


def _complete(draft: Draft, request: Request, address: Address, context: Context) -> None:
    places = [(PlaceKind.HOST, address.host), (PlaceKind.HOST, f"{address.host}:{address.port}")]
    if not draft.resource.startswith("unknown:"):
        places.append((PlaceKind.RESOURCE, draft.resource))
    draft.environment = context.environments.name_of(places)
    draft.addresses.append(address.text)
    draft.attributes.update(network=True, hosts=1, host=address.host, method=request.method)
    if _has_credentials(request, address):
        draft.attributes["foreign_credential"] = True
    for unseen, holds in (
        ("the whole address", not request.url_known),
        ("what the output of a command tells the server", request.carries_output),
        (f"where it goes: {request.redirected}", bool(request.redirected)),
        (f"what is said in {address.scheme}", address.scheme not in _WEB),
    ):
        if holds:
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append(unseen)


def _has_credentials(request: Request, address: Address) -> bool:
    if (
        request.credentials
        or "@" in urlsplit(request.url if "://" in request.url else f"http://{request.url}").netloc
    ):
        return True
    if any(_CREDENTIAL_HEADER.fullmatch(name) and name not in _OPEN_HEADER for name in request.headers):
        return True
    return any(_SENSITIVE_QUERY.fullmatch(name) for name, _ in parse_qsl(address.query))


def _is_endpoint(address: Address, row: HostRow | None) -> bool:
    named = row is not None and row.kind == "graphql" and (row.paths.fullmatch(address.path) is not None)
    return named or "graphql" in address.path.lower()


def _graphql(
    request: Request, address: Address, row: HostRow | None, context: Context, span: tuple[int, int]
) -> list[Draft] | None:
    """Read the request as GraphQL when it is one; None: it is not."""
    from firewall.classify.graphql import judge_body, judge_query_string, looks_like_graphql

    endpoint = _is_endpoint(address, row)
    if request.method == "GET" and endpoint and "query=" in address.query:
        return judge_query_string(address, context, span)
    if request.method in _READING or not (endpoint or looks_like_graphql(request.body)):
        return None
    if not request.body and request.body_known:
        return None
    return judge_body(request, address, context, span)


def _rest(
    request: Request, address: Address, row: HostRow | None, context: Context, span: tuple[int, int]
) -> Draft:
    provider = row.provider if row is not None and row.provider else address.host
    draft = Draft(f"http:{request.method}", f"url:{provider}{address.path}")
    effects, summary = _effects(request, address, row, context)
    draft.effects |= effects
    draft.summary = summary or _summary(request, address, effects)
    draft.point(span, draft.summary)
    if Effect.UNKNOWN in effects:
        draft.unseen.append(f"what {shown(address.host)} does with a {request.method}")
    if request.from_file and request.method not in _READING:
        draft.effects.add(Effect.EXFIL)
        draft.unseen.append("the file that it sends")
        draft.summary = f"sends a local file to {shown(address.host)}"
    if request.secret_in_url or (request.sends_secret and not _only_in_headers(request)):
        draft.effects.add(Effect.EXFIL)
        draft.summary = f"sends what is usually a credential to {shown(address.host)}"
    return draft


def _only_in_headers(request: Request) -> bool:
    return request.body == "" and not request.from_file


def _effects(request: Request, address: Address, row: HostRow | None, context: Context) -> tuple[set[Effect], str]:
    method = request.method
    if row is not None:
        for rule in row.rules:
            if (not rule.methods or method in rule.methods) and rule.path.fullmatch(address.path):
                return set(rule.effects), rule.summary
        if row.kind == "aws":
            return _aws(request, address, context), ""
        if row.kind == "kubernetes":
            return _kubernetes(method, address), ""
    if re.match(r"/(?:api/v\d\w*|apis/[\w.-]+/v\d\w*)(?:/|$)", address.path) and (
        "k8s" in address.host or "kube" in address.host or address.port == 6443
    ):
        return _kubernetes(method, address), ""
    return _generic(request, address, context, known=row is not None and row.known), ""


_PLAIN_SEGMENT = re.compile(r"v?\d+|[0-9a-f-]{16,}|\{.*\}")
_DELETED = re.compile(r"\"_?(?:deleted|destroy)\"\s*:\s*true")


def _generic(request: Request, address: Address, context: Context, *, known: bool) -> set[Effect]:
    """Judge a request by method and the words of its path, where no row says more."""
    words = context.catalogue.words
    segments = [part for part in address.path.split("/") if part and not _PLAIN_SEGMENT.fullmatch(part)]
    tokens = {token for part in segments for token in tokens_of(part)}
    last = set(tokens_of(segments[-1])) if segments else set()
    if request.method in _READING:
        shows = (
            "kubeconfig" in tokens or "credentials" in last or (last & words.secret and address.path[-1] != "s")
        )
        return {Effect.SECRET} if shows else {Effect.READ}
    if request.method == "DELETE":
        return {Effect.DESTRUCTIVE, Effect.PRIVILEGE} if tokens & words.privilege else {Effect.DESTRUCTIVE}
    if last & words.destructive or _DELETED.search(request.body):
        return {Effect.DESTRUCTIVE}
    return _sending(request, tokens, last, context, known=known)


def _sending(request: Request, tokens: set[str], last: set[str], context: Context, *, known: bool) -> set[Effect]:
    words = context.catalogue.words
    if last & (words.execute | {"attach"}):
        return {Effect.EXEC}
    if known:
        return {Effect.PRIVILEGE} if tokens & words.privilege else {Effect.WRITE}
    is_search = bool(last & {"search", "count"}) and request.method == "POST" and request.body_known
    return {Effect.READ} if is_search else {Effect.UNKNOWN}


def _aws(request: Request, address: Address, context: Context) -> set[Effect]:
    """AWS names its operation in a header, in the form body or in the path; the method says little."""
    target = request.headers.get("x-amz-target", "").rpartition(".")[2]
    action = dict(parse_qsl(request.body)).get("Action", "") or dict(parse_qsl(address.query)).get("Action", "")
    name = target or action
    if not name:
        return _aws_rest(request, address, context)
    service = address.host.split(".", 1)[0]
    found = effects_of_names([name], context.catalogue.words)
    if (
        service in ("iam", "sts", "sso", "organizations")
        and found
        and severity(max(found, key=severity)) > 0
        and not name.startswith(("Tag", "Untag"))
    ):
        found.add(Effect.PRIVILEGE)
    return found or {Effect.UNKNOWN}


def _aws_rest(request: Request, address: Address, context: Context) -> set[Effect]:
    segments = [part for part in address.path.split("/") if part]
    named = effects_of_names(segments[-1:], context.catalogue.words)
    if request.method in _READING:
        return {Effect.SECRET} if Effect.SECRET in named else {Effect.READ}
    if request.method == "DELETE":
        return {Effect.DESTRUCTIVE}
    if named:
        return named
    return {Effect.WRITE} if request.method in ("PUT", "PATCH") else {Effect.UNKNOWN}


_RIGHTS = re.compile(
    r"(?:rbac|authorization|admissionregistration|certificates|authentication)\b|/serviceaccounts?|rolebindings?|networkpolic",
    re.IGNORECASE,
)


def _kubernetes(method: str, address: Address) -> set[Effect]:
    path = address.path
    rights = bool(_RIGHTS.search(path))
    if re.search(r"/(?:exec|attach|portforward|proxy)(?:/|$)", path):
        return {Effect.EXEC}
    if method in _READING:
        return {Effect.SECRET} if re.search(r"/secrets(?:/|$)", path) else {Effect.READ}
    if method == "DELETE":
        return {Effect.DESTRUCTIVE, Effect.PRIVILEGE} if rights else {Effect.DESTRUCTIVE}
    if path.endswith("/eviction"):
        return {Effect.DISRUPTIVE}
    if rights or path.endswith("/token"):
        return {Effect.PRIVILEGE}
    return {Effect.WRITE}


def _summary(request: Request, address: Address, effects: set[Effect]) -> str:
    where = shown(f"{address.host}{address.path}")
    if Effect.DESTRUCTIVE in effects:
        return f"deletes {where}; no undo that we know of"
    if effects == {Effect.READ}:
        return f"reads {where}"
    if Effect.SECRET in effects:
        return f"reads {where}, which shows credentials"
    if Effect.PRIVILEGE in effects:
        return f"changes who may do what: {request.method} {where}"
    if Effect.UNKNOWN in effects:
        return f"sends {request.method} to {where}; what that changes there is not known here"
    return f"sends {request.method} to {where}"
