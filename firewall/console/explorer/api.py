"""`GET /api/entries?…`: a page of entries as JSON, for the command line and for programs of auditors."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from firewall.console.asking import Asker
from firewall.console.explorer.desk import Explorer
from firewall.console.explorer.search import PAGE
from firewall.console.explorer.wish import KNOWN, Wish, read_wish
from firewall.core.errors import AuthError, ProtocolError

MOST = 200
"""Entries of one page; of many bytes it holds fewer, see `search.PAGE_BYTES`."""
_DIGITS = 15


class EntryApi:
    """The handler of `/api/entries`."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    async def search(self, request: Request, asker: Asker) -> Response:
        """Return a page: `?actor=&environment=&…&before=SEQ&limit=N`."""
        if asker.who is None:
            raise AuthError(detail="route without a credential")
        wish, before = asked(request.query_params, self._explorer.now_us())
        most = number(request.query_params, "limit") or PAGE
        page = await self._explorer.search(wish, asker.who, before=before, most=min(most, MOST))
        return Response(await asyncio.to_thread(page.rendered), media_type="application/json")


def asked(params: QueryParams, now_us: int, *, more: frozenset[str] = frozenset()) -> tuple[Wish, int]:
    """Read a question's fields and where its page begins; a field that is unknown or stands twice is refused.

    Raises: ProtocolError `search_invalid` (400).
    """
    fields = dict(params)
    if len(fields) != len(params.multi_items()):
        raise ProtocolError("a field stands twice", code="search_invalid")
    unknown = fields.keys() - KNOWN - {"before", "limit"} - more
    if unknown:
        raise ProtocolError(f"`{min(unknown)[:60]}` is no field of a search", code="search_invalid")
    return read_wish(fields, now_us), number(fields, "before")


def number(fields: Mapping[str, str], name: str) -> int:
    """Return a field that is a whole number; 0 where it is empty. Raises: ProtocolError `search_invalid` (400)."""
    text = fields.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ProtocolError(f"`{name}` is a whole number", code="search_invalid")
    return int(text or 0)
