"""An HTTP request to a target as it will be sent: one value that is judged, shown, bound and sent.

INVARIANT: what is sent is decoded from the very bytes that were judged; nothing else of the client's request
reaches a target, and the credential is added to it last.
"""

from dataclasses import dataclass
from functools import lru_cache

import orjson

from firewall.core.fast_init import fast_init, maker
from firewall.core.ids import sha256_hex

INERT = frozenset(
    {
        "accept",
        "accept-language",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "baggage",
        "cache-control",
        "idempotency-key",
        "kubectl-command",
        "kubectl-session",
        "pragma",
        "sentry-trace",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-client-request-id",
        "x-goog-api-client",
        "x-ms-client-request-id",
        "x-request-id",
        "x-stainless-retry-count",
    }
)
"""Header fields that change from one try to the next and mean nothing to what is done: sent, not bound."""
_AS_TEXT_BYTES = 64 * 1024
"""Larger bodies are kept as they are instead of being written as JSON text, and bound by their hash."""


@fast_init
@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request, without credential, host and framing."""

    method: str
    """In capitals."""
    path: str
    """As it is sent, escapes kept; begins with `/`."""
    query: str = ""
    """As it is sent, without `?`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Lower-case names, in the client's order; values as latin-1 text."""
    body: bytes = b""
    host: str = ""
    """The host, where the target serves several (AWS); else empty: the target's own."""
    scope: str = ""
    """What it is signed for there: region and service, as `eu-west-1/rds`."""

    @property
    def target(self) -> str:
        """Return path and query as they stand on the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def header(self, name: str) -> str:
        """Return a field's value, several joined by a comma; empty: there is none."""
        return ", ".join([value for known, value in self.headers if known == name])

    def text(self) -> str:
        """Return it as a person reads it; a body that is no text is shown by its length."""
        lines = [f"{self.method} {self.target}"]
        lines += [f"host: {self.host} ({self.scope})"] if self.host else []
        lines += [f"{name}: {value}" for name, value in self.headers]
        try:
            body = self.body.decode("utf-8")
        except UnicodeDecodeError:
            body = f"({len(self.body)} bytes that are no text)"
        return "\n".join(lines) + (f"\n\n{body}" if body else "\n")

    def encode(self) -> bytes:
        """Return the bytes that are judged: JSON with the body as text; a large or binary body follows it."""
        return self._encoded(self.headers)

    def bound(self) -> bytes:
        """Return the bytes that an approval is bound to: all but the inert header fields, names in order."""
        kept = tuple(sorted([pair for pair in self.headers if pair[0] not in INERT]))
        if len(self.body) <= _AS_TEXT_BYTES:
            return self._encoded(kept)
        return orjson.dumps(self._head(kept) | {"body_sha256": sha256_hex(self.body)})

    def _encoded(self, headers: tuple[tuple[str, str], ...]) -> bytes:
        document = self._head(headers)
        if len(self.body) <= _AS_TEXT_BYTES:
            try:
                document["body"] = self.body.decode("utf-8")
                return orjson.dumps(document)
            except UnicodeDecodeError:
                pass  # it follows as it is
        document["body_bytes"] = len(self.body)
        return orjson.dumps(document) + b"\n" + self.body

    def _head(self, headers: tuple[tuple[str, str], ...]) -> dict[str, object]:
        document: dict[str, object] = {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": headers,
        }
        return document | ({"host": self.host, "scope": self.scope} if self.host else {})


outgoing_of = maker(Outgoing)
"""Makes a request."""


@lru_cache(maxsize=16)
def decode(data: bytes) -> Outgoing:
    """Read what `encode` wrote; judging, binding and sending ask for the same bytes.

    Raises: ValueError for anything else.
    """
    head, newline, rest = data.partition(b"\n")
    document = orjson.loads(head)
    if not isinstance(document, dict):
        raise ValueError("not a request")  # noqa: TRY004 - one error for every wrong shape
    try:
        headers = tuple([(str(name), str(value)) for name, value in document["headers"]])
        body = rest if newline else str(document["body"]).encode("utf-8")
        if newline and document["body_bytes"] != len(rest):
            raise ValueError("not a request")
        return outgoing_of(
            str(document["method"]),
            str(document["path"]),
            str(document["query"]),
            headers,
            body,
            host=str(document.get("host", "")),
            scope=str(document.get("scope", "")),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a request") from error
