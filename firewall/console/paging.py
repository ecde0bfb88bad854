"""Lists of the JSON API that have an end before everything is told: how they lead on."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.core.errors import ProtocolError

_DIGITS = 9


def paged(request: Request, rows: Sequence[object], behind: Mapping[str, str]) -> Response:
    """Return a page of a list; `behind`: what asks for the next (RFC 8288), empty where there is none."""
    answer = JSONResponse(list(rows))
    if behind:
        query = urlencode({**request.query_params, **behind})
        answer.headers["link"] = f'<{request.url.path}?{query}>; rel="next"'
    return answer


def skip_of(request: Request) -> int:
    """Return how many of a list are left out, as `?skip=` says. Raises: ProtocolError `skip_invalid` (400)."""
    text = request.query_params.get("skip", "0")
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise ProtocolError("`skip` is a whole number", code="skip_invalid")
    return int(text)
