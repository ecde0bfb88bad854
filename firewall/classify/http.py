"""One HTTP request, whoever sends it: method, host, path, headers and body to effects."""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from firewall.classify.acting import mark_acting
from firewall.classify.addresses import usual
from firewall.classify.api.jsonrpc import calls_of
from firewall.classify.api.known import HostRow
from firewall.classify.api.rest import READING, Judged, asked_of, judge_rest
from firewall.classify.catalogue import Catalogue
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, draft_of, shown
from firewall.classify.environments import Place, PlaceKind
from firewall.classify.overrides import meant
from firewall.classify.sql.judge import SQL, judge_sql
from firewall.core.effect import Effect, strictest
from firewall.core.fast_init import fast_init, maker
from firewall.core.folding import has_long_run, normal

MAX_URL_CHARS = 8192
_CREDENTIAL_HEADER = re.compile(
    r"(?:authorization|proxy-authorization|cookie|.*(?:api-?key|token|secret|auth|access-?key).*)", re.IGNORECASE
)
_OPEN_HEADER = frozenset({"x-csrf-token", "x-amz-target", "www-authenticate"})
_SENSITIVE_QUERY = re.compile(
    r"(?:api_?key|access_?token|token|secret|password|sig|signature|auth)", re.IGNORECASE
)


@fast_init
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
    fields: str = ""
    """What else is known of its fields, as pairs or as bytes read as Latin-1: searched for other methods."""
    redirected: str = ""
    """An option sends it somewhere else than its address says, or through somebody else."""


request_of = maker(Request)
"""Makes a request."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL that say where it goes."""

    host: str
    port: int
    path: str
    query: str
    scheme: str
    raw_path: str = "/"
    """The path as it stands, escapes kept."""

    @property
    def text(self) -> str:
        """Return `host:port/path`."""
        return f"{self.host}:{self.port}{self.path}"


def address_of(url: str) -> Address | None:
    """Read a URL, with or without a scheme; None when it has no host."""
    return _address_of(url) if len(url) <= MAX_URL_CHARS and not has_long_run(url) else None


@lru_cache(maxsize=32)
def _address_of(url: str) -> Address | None:
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text.replace("\\", "/"))
        host = plain_host(parts.hostname or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if not host:
        return None
    path = parts.path or "/"
    return Address(host, port, unquote(path), parts.query, parts.scheme, path)


def plain_host(host: str) -> str:
    """Write a host as the programs that connect to it do: look-alike dots and digits, invisible characters."""
    if host.isascii():
        return usual(host.rstrip(".").lower())
    folded = normal(host, "NFKC").replace("\u3002", ".")
    return usual("".join(char for char in folded if unicodedata.category(char) != "Cf").rstrip(".").lower())


_WEB = frozenset({"http", "https", "ws", "wss", "ftp", "ftps", "sftp"})


def judge_http(request: Request, context: Context, span: tuple[int, int]) -> list[Draft]:
    """Return drafts for a request; several where its body holds several operations."""
    method, is_told = _meant(request)
    if method == request.method and is_told:
        return _drafts(request, context, span)
    drafts = _drafts(replace(request, method=method), context, span)
    plain = strictest(effect for draft in _drafts(request, context, span) for effect in draft.effects)
    for draft in drafts:
        if strictest((plain, *draft.effects)) is plain:
            draft.effects.add(plain)
        if not is_told:
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("which method the server takes it for")
    return drafts


def _meant(request: Request) -> tuple[str, bool]:
    """Return the method that the server may take a request for, and whether that can be told."""
    query = host = ""
    if not has_long_run(request.url):
        with suppress(ValueError):
            query = urlsplit(request.url).query if "?" in request.url else ""
        address = address_of(request.url)
        host = address.host if address is not None else ""
    body = (
        f"{request.body}&{request.fields}" if request.body and request.fields else request.body or request.fields
    )
    return meant(request.method, query=query, headers=request.headers, body=body, host=host)


def _drafts(request: Request, context: Context, span: tuple[int, int]) -> list[Draft]:
    address = address_of(request.url)
    if address is None:
        return [_nowhere(request, span)]
    row = row_of(address, context.catalogue)
    drafts = _graphql(request, address, row, context, span)
    if drafts is None:
        drafts = _rest(request, address, row, context, span)
    elif not _is_endpoint(address, row) or request.method not in ("GET", "POST"):
        # FAIL-CLOSED: only the body looks like GraphQL; the path may mean anything.
        drafts += _rest(request, address, row, context, span)
    for draft in drafts:
        _complete(draft, request, address, context)
    mark_acting(drafts, request.headers, address.query, span=span)
    return drafts


def row_of(address: Address, catalogue: Catalogue) -> HostRow | None:
    """Return what is known about the server at an address."""
    return catalogue.row_of(address.host, address.port)


def _nowhere(request: Request, span: tuple[int, int]) -> Draft:
    draft = Draft(
        f"http:{request.method}",
        effects={Effect.UNKNOWN},
        summary=f"sends a request to {shown(request.url)}: not an address that can be read",
    )
    draft.unseen.append("where the request goes")
    draft.point(span, draft.summary)
    return draft


def _places(draft: Draft, address: Address) -> list[Place]:
    places = [(PlaceKind.HOST, address.host), (PlaceKind.HOST, f"{address.host}:{address.port}")]
    return places if draft.resource.startswith("unknown:") else [*places, (PlaceKind.RESOURCE, draft.resource)]


def _complete(draft: Draft, request: Request, address: Address, context: Context) -> None:
    if draft.operation != SQL:
        draft.environment = context.environments.name_of(_places(draft, address))
    draft.addresses.append(address.text)
    draft.attributes.update(network=True, hosts=1, host=address.host, method=request.method)
    if _has_credentials(request, address):
        draft.attributes["foreign_credential"] = True
    unseen = _unseen(request, address)
    if unseen:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen += unseen


def _unseen(request: Request, address: Address) -> list[str]:
    """Return what is not seen of where a request goes and of how."""
    unseen = [] if request.url_known else ["the whole address"]
    if request.carries_output:
        unseen.append("what the output of a command tells the server")
    if request.redirected:
        unseen.append(f"where it goes: {request.redirected}")
    if address.scheme not in _WEB:
        unseen.append(f"what is said in {address.scheme}")
    return unseen


def _has_credentials(request: Request, address: Address) -> bool:
    url = request.url
    if request.credentials or ("@" in url and "@" in urlsplit(url if "://" in url else f"http://{url}").netloc):
        return True
    if any(map(_is_credential, request.headers)):
        return True
    pairs = parse_qsl(address.query) if address.query else ()
    return any(_SENSITIVE_QUERY.fullmatch(name) for name, _ in pairs)


@lru_cache(maxsize=512)
def _is_credential(header: str) -> bool:
    return header not in _OPEN_HEADER and _CREDENTIAL_HEADER.fullmatch(header) is not None


def _is_endpoint(address: Address, row: HostRow | None) -> bool:
    named = row is not None and row.kind == "graphql" and (row.paths.fullmatch(address.path) is not None)
    return named or "graphql" in address.path.lower()


def _graphql(
    request: Request, address: Address, row: HostRow | None, context: Context, span: tuple[int, int]
) -> list[Draft] | None:
    """Read the request as GraphQL when it is one; None: it is not."""
    endpoint = _is_endpoint(address, row)
    rest = row is not None and row.kind != "graphql"
    if not endpoint and (rest or request.method in READING):
        return None
    from firewall.classify.graphql import (
        asks_in,
        judge_body,
        judge_query_string,
        looks_like_graphql,
        steers,
        unread,
    )

    asked = endpoint and asks_in(address.query)
    if request.method in READING or not (endpoint or (not rest and looks_like_graphql(request.body))):
        return judge_query_string(address, context, span) if asked and request.method == "GET" else None
    if not request.body and request.body_known and not asked:
        return None
    drafts = judge_query_string(address, context, span) if asked else []
    if request.body or not request.body_known:
        drafts += judge_body(request, address, context, span)
        if endpoint and not asked and steers(address.query, request.body):
            drafts.append(unread(address.host, span, "an address that says other than the body what runs"))
    return drafts


def _rest(
    request: Request, address: Address, row: HostRow | None, context: Context, span: tuple[int, int]
) -> list[Draft]:
    """Judge a request by its method and path; SQL that it carries is an action of its own beside it."""
    provider = row.provider if row is not None and row.provider else address.host
    judged = _judged(request, address, row, context)
    draft = draft_of(f"http:{judged.operation or request.method}", f"url:{provider}{address.path}")
    draft.effects |= judged.effects
    draft.by_name = judged.by_name
    text = judged.sql or (_sql_in(address) if row is None else "")
    found = None
    if text:
        source = Source(text, base=None, outer=span)
        found = judge_sql(source, "sql", context, _places(draft, address), dialect=judged.dialect)
    if found is not None and judged.sql:
        draft.effects = set(found.effects) | (judged.effects if judged.hides else set())
        judged.summary = f"{found.summary} (through {judged.operation or shown(address.host)})"
        judged.unseen += found.unseen
    elif found is not None:
        draft.effects |= found.effects
        judged.summary = f"{found.summary} (in the address)"
    draft.summary = judged.summary or _summary(request, address, judged.effects)
    draft.unseen += judged.unseen
    draft.point(span, draft.summary)
    if Effect.UNKNOWN in judged.effects and not judged.unseen:
        draft.unseen.append(f"what {shown(address.host)} does with a {request.method}")
    if request.from_file and request.method not in READING:
        draft.effects.add(Effect.EXFIL)
        draft.unseen.append("the file that it sends")
        draft.summary = f"sends a local file to {shown(address.host)}"
    if request.secret_in_url or (request.sends_secret and not _only_in_headers(request)):
        draft.effects.add(Effect.EXFIL)
        draft.summary = f"sends what is usually a credential to {shown(address.host)}"
    return [draft] if found is None else [draft, found]


_SQL_FIELDS = frozenset({"query", "sql", "statement", "stmt"})
_CHANGING_SQL = re.compile(
    r"\s*+(?:drop|delete|truncate|alter|insert|update|create|grant|revoke|rename|optimize|system|kill|detach)\s++\w",
    re.IGNORECASE,
)


def _sql_in(address: Address) -> str:
    """Return SQL that changes something and stands in the address, where ClickHouse and others take it."""
    pairs = parse_qsl(address.query, keep_blank_values=True)
    return ";\n".join(text for name, text in pairs if name.lower() in _SQL_FIELDS and _CHANGING_SQL.match(text))


def _judged(request: Request, address: Address, row: HostRow | None, context: Context) -> Judged:
    asked = asked_of(
        method=request.method,
        host=address.host,
        port=address.port,
        path=address.path,
        raw_path=address.raw_path,
        query=address.query,
        headers=request.headers,
        body=request.body,
        body_known=request.body_known,
    )
    called = calls_of(asked) if row is None and request.method == "POST" else None
    return called or judge_rest(asked, row, context.catalogue)


def _only_in_headers(request: Request) -> bool:
    return request.body == "" and not request.from_file


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
