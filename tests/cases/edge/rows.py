"""What the edge refuses, one row per attack: name, bytes, status, code (reference list A of the attack tests)."""

from typing import NamedTuple


class Row(NamedTuple):
    """One request as bytes and what must come of it."""

    name: str
    raw: bytes
    status: int
    code: str


def post(*fields: str, body: bytes = b"", path: str = "/v1/messages", host: str = "Host: 127.0.0.1") -> bytes:
    lines = [f"POST {path} HTTP/1.1", *([host] if host else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def get(path: str, *fields: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *fields, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


_CL = "Content-Length: 5"
_TE = "Transfer-Encoding: chunked"
_END = b"0\r\n\r\n"
_SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_BAD = "http_malformed"

MALFORMED = [
    # (A1 to A4) framing
    Row("content-length and chunked", post(_CL, _TE, body=_END + _SMUGGLED), 400, _BAD),
    Row("chunked and content-length", post(_TE, _CL, body=_END + _SMUGGLED), 400, _BAD),
    Row("two differing lengths", post(_CL, "Content-Length: 6", body=b"hello!"), 400, _BAD),
    Row("two equal lengths", post(_CL, _CL, body=b"hello"), 400, _BAD),
    Row("a list of lengths", post("Content-Length: 5, 5", body=b"hello"), 400, _BAD),
    Row("a signed length", post("Content-Length: +5", body=b"hello"), 400, _BAD),
    Row("a negative length", post("Content-Length: -5", body=b"hello"), 400, _BAD),
    Row("a hexadecimal length", post("Content-Length: 0x5", body=b"hello"), 400, _BAD),
    Row("an empty length", post("Content-Length: ", body=b""), 400, _BAD),
    Row("xchunked", post("Transfer-Encoding: xchunked", body=_END + _SMUGGLED), 400, "transfer_encoding_refused"),
    Row("quoted chunked", post('Transfer-Encoding: "chunked"', body=_END), 400, "transfer_encoding_refused"),
    Row("gzip, chunked", post("Transfer-Encoding: gzip, chunked", body=_END), 400, "transfer_encoding_refused"),
    Row("chunked, identity", post("Transfer-Encoding: chunked, identity", body=_END), 400, _BAD),
    Row("chunked twice", post(_TE, _TE, body=_END), 400, _BAD),
    Row("chunked, then identity", post(_TE, "Transfer-Encoding: identity", body=_END), 400, _BAD),
    Row("space before the colon", post("Transfer-Encoding : chunked", body=_END), 400, _BAD),
    Row("folded line", post("X-A: a", " b"), 400, _BAD),
    Row("bare line feeds", b"GET /v1/models HTTP/1.1\nHost: 127.0.0.1\n\n", 400, _BAD),
    Row("one bare line feed", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\nX-A: b\r\n\r\n", 400, _BAD),
    Row("bare carriage return", post("X-A: a\rb"), 400, _BAD),
    Row("NUL in a value", post("X-A: a\0b"), 400, _BAD),
    Row("NUL in the path", post(path="/v1/\0"), 400, _BAD),
    Row("raw UTF-8 in the path", "GET /v1/é HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(), 400, _BAD),
    Row("a space in a name", post("X A: b"), 400, _BAD),
    Row("a nameless field", post(": b"), 400, _BAD),
    Row("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, _BAD),
    Row("an unknown method", b"EAT / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, _BAD),
    # (A5) host and target
    Row("two hosts", post("Host: evil.example"), 400, "header_duplicate"),
    Row("no host", post(host=""), 400, "host_malformed"),
    Row("an empty host", post(host="Host: "), 400, "host_malformed"),
    *(
        Row(f"host with {sign}", post(host=f"Host: 127.0.0.1{sign}x"), 400, "host_malformed")
        for sign in ("/", "?", "#", "@", "\\", " ", ",", ":x", "%00")
    ),
    Row("user and password", post(host="Host: user:pw@127.0.0.1"), 400, "host_malformed"),
    Row("absolute form", post(path="http://evil.example/v1/messages"), 400, "target_refused"),
    Row("absolute form, own host", post(path="http://127.0.0.1/v1/messages"), 400, "target_refused"),
    Row("asterisk form", b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, "target_refused"),
    Row("a fragment", post(path="/v1/messages#x"), 400, "target_refused"),
    # (A6) fields that we read
    *(
        Row(f"two {name}", post(f"{name}: a", f"{name.upper()}: b"), 400, "header_duplicate")
        for name in (
            "Authorization",
            "x-api-key",
            "x-goog-api-key",
            "x-stayhand-token",
            "x-stayhand-tags",
            "x-stayhand-entry",
            "Origin",
            "Content-Encoding",
            "Content-Type",
        )
    ),
    # (A13) versions, methods, upgrades
    Row("HTTP/1.0", b"GET /v1/models HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", 505, "http_version"),
    Row("HTTP/1.0 chunked", post(_TE, body=_END).replace(b"HTTP/1.1", b"HTTP/1.0"), 505, "http_version"),
    Row("HTTP/0.9", b"GET /v1/models\r\n\r\n", 505, "http_version"),
    Row("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n", 505, "http_version"),
    Row("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, _BAD),
    Row("TRACE", b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405, "method_refused"),
    Row("CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + _SMUGGLED, 405, "method_refused"),
    Row("websocket", post("Connection: Upgrade", "Upgrade: WebSocket"), 426, "websocket_refused"),
    Row("h2c", post("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"), 400, "upgrade_refused"),
    Row(
        "upgrade that hides a body",
        post("Connection: upgrade", "Upgrade: x", _CL, body=b"hello"),
        400,
        "upgrade_refused",
    ),
    Row("an unknown expectation", post("Expect: wonders", _CL), 417, "expectation_refused"),
    # (A12) heads
    Row("a head of 70 kB", post("X-A: " + "a" * 70_000), 431, "head_too_large"),
    Row("a long target", post(path="/" + "a" * 70_000), 431, "head_too_large"),
    Row("200 fields", post(*(f"X-{n}: a" for n in range(200))), 431, "head_too_large"),
]
"""Refused by the protocol: one answer, connection closed, no application."""

_PATHS = (
    "/v1/..%2fadmin",
    "/v1/%2e%2e/admin",
    "/v1/%2E/admin",
    "/v1/../admin",
    "/v1/./messages",
    "/v1/messages/..",
    "//v1/messages",
    "/v1//messages",
    "/v1/messages;a=b",
    "/v1/messages%3Ba",
    "/v1%2Fmessages",
    "/v1/a%5cb",
    "/v1/a\\b",
    "/v1/a%00",
    "/v1/a%0d%0a",
    "/v1/a%7f",
    "/v1/%c3%a9",
    "/v1/%25%32%66",
    "/v1/a%2",
    "/v1/a%zz",
    "/v1/a%3fb",
    "/v1/a%23b",
    "/%761/messages",
    '/v1/a"b',
    "/v1/a|b",
)

REFUSED = [
    *(Row(f"path {path}", get(path), 400, "path_refused") for path in _PATHS),
    # (A7) underscores
    *(
        Row(f"twin {name}", get("/v1/models", f"{name}: a"), 400, "header_shadows")
        for name in (
            "x_stayhand_token",
            "X-Stayhand_Token",
            "x_stayhand_env",
            "x_api_key",
            "x_goog_api_key",
            "authorization_",
            "_authorization",
            "content_length",
            "transfer_encoding",
            "x_forwarded_for",
            "x_http_method_override",
        )
    ),
    # (A12) bodies
    Row("too large by declaration", post("Content-Length: 1048577", "Connection: close"), 413, "body_too_large"),
    Row("a declared terabyte", post("Content-Length: 1099511627776", "Connection: close"), 413, "body_too_large"),
    *(
        Row(
            f"encoded {coding}",
            post(f"Content-Encoding: {coding}", "Content-Length: 0", "Connection: close"),
            415,
            "content_encoding_refused",
        )
        for coding in ("gzip", "br", "zstd", "deflate", "identity, gzip", "")
    ),
    # (A14) browsers
    Row("a web page", get("/v1/models", "Origin: https://evil.example"), 403, "origin_refused"),
    Row("a page without origin", get("/v1/models", "Origin: null"), 403, "origin_refused"),
    Row("a picture on a page", get("/v1/models", "Sec-Fetch-Site: cross-site"), 403, "origin_refused"),
    *(
        Row(
            f"rebinding {host}",
            post("Content-Length: 0", "Connection: close", host=f"Host: {host}"),
            403,
            "host_refused",
        )
        for host in (
            "evil.example",
            "evil.example:8787",
            "127.0.0.1.nip.io",
            "localhost.evil.example",
            "10.0.0.1",
            "[::2]:80",
        )
    ),
]
"""Refused by the middleware, before a route is chosen."""
