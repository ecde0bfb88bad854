"""Errors in the shape of the dialect that was spoken, with the status that each client takes as final."""

import math

import orjson

from firewall.codecs.dialects import CODECS
from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.gates.edge.send import Headers
from firewall.gates.models.clients import Client

PATIENCE_S = 120
"""A limit that lasts longer is final to clients that heed `x-should-retry`."""
_RETRIED = frozenset({429, 500, 502, 503, 504})


def error_answer(error: FirewallError, dialect: Dialect | None, client: Client) -> tuple[int, Headers, bytes]:
    """Return status, headers and body for an error.

    A refusal that must not be retried gets the client's own final status and `x-should-retry: false`.
    """
    status = client.final_status if error.status == 403 else error.status
    headers: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
        if error.retry_after_s > PATIENCE_S:  # a day's budget is not worth a client's repetitions
            headers.append((b"x-should-retry", b"false"))
    elif status not in _RETRIED:
        headers.append((b"x-should-retry", b"false"))
    if dialect is None:
        body = orjson.dumps({"error": {"code": error.code, "message": error.public, "type": "stayhand_error"}})
    else:
        body = CODECS[dialect].error(status, error.code, error.public)
    return status, headers, body
