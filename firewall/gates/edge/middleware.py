"""The outermost application of each listener: what is left of a request once it is read only one way.

Pure ASGI, in front of every router. It decides on `raw_path` and the header list, never on a request object's
`url`. INVARIANT: behind it, paths of our own are plain, internal headers come from us, and bodies are bounded.
"""

import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from firewall.core.errors import ConfigError, FirewallError, ProtocolError
from firewall.gates.edge.body import ClientGoneError, limited, too_large
from firewall.gates.edge.headers import admit
from firewall.gates.edge.paths import check_path
from firewall.gates.edge.refusal import Render, render_json
from firewall.gates.edge.send import has_begun, noting

_log = logging.getLogger("stayhand.edge")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Access:
    """Who may speak to a listener, besides holding a token (against DNS rebinding and strange web pages)."""

    hosts: frozenset[str] = frozenset()
    """Names in the Host header besides loopback ones; lower case, without port."""
    origins: frozenset[str] | None = frozenset()
    """Values of Origin that browsers may come with; None: the application judges origins itself (console)."""
    trusted_proxies: tuple[Network, ...] = ()
    """Peers whose X-Forwarded-* are believed."""


def trusted_networks(values: Iterable[str]) -> tuple[Network, ...]:
    """Read `server.trusted_proxies`: addresses or networks.

    Raises: ConfigError naming the value.
    """
    try:
        return tuple(ipaddress.ip_network(value, strict=False) for value in values)
    except ValueError as error:
        raise ConfigError(f"`server.trusted_proxies`: {error}", hint="write addresses or networks") from error


class Edge:
    """Checks that every request passes before a route is chosen, and the last catch for errors."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        access: Access | None = None,
        foreign_prefixes: tuple[str, ...] = (),
        render: Render = render_json,
    ) -> None:
        """Wrap `app`; paths that start with a foreign prefix (`/infra/`) are judged by their own gate."""
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._access = access or Access()
        self._foreign = tuple(prefix.encode("ascii") for prefix in foreign_prefixes)
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        noted = noting(send)
        try:
            admitted, bounded = self._admit(scope, receive)
            await self._app(admitted, bounded, noted)
        except ClientGoneError:
            return
        except FirewallError as error:
            await self._fail(scope, send, error, started=has_begun(noted))
        except Exception as error:  # noqa: BLE001 - the outermost layer; FAIL-CLOSED: no traceback leaves
            _log.error("unexpected %s at %s", type(error).__name__, _place(error))
            await self._fail(
                scope, send, FirewallError("something went wrong on our side"), started=has_begun(noted)
            )

    def _admit(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        check_path(scope["raw_path"], foreign_prefixes=self._foreign)
        peer = scope["client"][0] if scope.get("client") else ""
        trusted = _is_within(peer, self._access.trusted_proxies)
        kept, odd = admit(scope["headers"], trusted=trusted)
        for name in odd:
            _log.info("dropped the header `%s`: underscores are ambiguous", name.decode("ascii", "replace"))
        fields = dict(kept)
        is_foreign = scope["raw_path"].startswith(self._foreign)
        self._check_browser(fields, is_foreign=is_foreign)
        if b"content-encoding" in fields:
            _check_coding(fields[b"content-encoding"], is_foreign=is_foreign)
        if trusted or kept is not scope["headers"]:
            scope = {**scope, "headers": kept}
        if trusted:
            _believe(scope, fields, self._access.trusted_proxies)
        return scope, self._bounded(fields, receive)

    def _bounded(self, fields: dict[bytes, bytes], receive: Receive) -> Receive:
        declared = fields.get(b"content-length")
        if declared is None:
            return limited(receive, self._max_body_bytes)
        if int(declared) > self._max_body_bytes:  # digits only: the parser has refused everything else
            raise too_large(self._max_body_bytes)
        return receive

    def _check_browser(self, fields: dict[bytes, bytes], *, is_foreign: bool) -> None:
        # Buckets may stand in front of our own names; nobody else can make those lead here.
        host = _host_of(fields.get(b"host", b""))
        if not (self._is_ours(host) or (is_foreign and self._is_below(host))):
            raise FirewallError("this host name is not served here", code="host_refused", status=403)
        if self._access.origins is None:
            return
        origin = fields.get(b"origin")
        is_named = origin is not None and origin.decode("latin-1") in self._access.origins
        # The page would be our own: this name cannot be led here from elsewhere (DNS rebinding).
        is_own = origin is None or (origin == b"http://" + fields.get(b"host", b"") and is_loopback(host))
        is_strange = fields.get(b"sec-fetch-site") in {b"cross-site", b"same-site"}
        if not is_named and (is_strange or not is_own):
            raise FirewallError("web pages may not call this address", code="origin_refused", status=403)

    def _is_ours(self, host: str) -> bool:
        return host in _USUAL or host in self._access.hosts or is_loopback(host)

    def _is_below(self, host: str) -> bool:
        return any(
            host.endswith(f".{name}") for name in ("localhost", *self._access.hosts) if not _is_address(name)
        )

    async def _fail(self, scope: Scope, send: Send, error: FirewallError, *, started: bool) -> None:
        if error.detail:
            _log.warning("%s: %s", error.code, error.detail)
        if started:
            return  # the server closes a connection whose answer was not finished
        answer = self._render(scope["path"], error)
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        if error.status in {408, 413} and (b"expect", b"100-continue") in scope["headers"]:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _check_coding(value: bytes, *, is_foreign: bool) -> None:
    coding = value.strip().lower()
    # aws-chunked is framing and no compression; the gate behind undoes it, or refuses it.
    if coding != b"identity" and not (is_foreign and coding == b"aws-chunked"):
        raise ProtocolError("send the body without content-encoding", code="content_encoding_refused", status=415)


_USUAL = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Tell whether a Host name means this machine: `localhost`, 127.0.0.0/8, ::1."""
    if host in _USUAL:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_of(value: bytes) -> str:
    return _known_host(value) if len(value) <= _KEPT_BYTES else _read_host(value)


def _read_host(value: bytes) -> str:
    text = value.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


_known_host = lru_cache(maxsize=256)(_read_host)
_KEPT_BYTES = 64


def _is_within(address: str, networks: tuple[Network, ...]) -> bool:
    if not networks:
        return False
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def _believe(scope: Scope, fields: dict[bytes, bytes], trusted: tuple[Network, ...]) -> None:
    """Take client and scheme from a trusted proxy: the right-most address that is not itself trusted."""
    hops = [hop.strip() for hop in fields.get(b"x-forwarded-for", b"").decode("latin-1").split(",")]
    for hop in reversed(hops):
        if hop and not _is_within(hop, trusted):
            scope["client"] = (hop, 0)
            break
    if fields.get(b"x-forwarded-proto") in {b"http", b"https"}:
        scope["scheme"] = fields[b"x-forwarded-proto"].decode("ascii")


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else "unknown"
