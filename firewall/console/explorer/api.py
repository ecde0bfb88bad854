"""`/api/entries…`, `/api/tail`: entries as JSON, for the command line and for programs of auditors.

A page of what is looked for, one entry with its proof, bundles to take away, and looking on while the log grows.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from firewall.console.api.admin import EntryDesk, entry_number, unknown_entry
from firewall.console.asking import Asker, Doorman, read_json
from firewall.console.auth import Access
from firewall.console.explorer.desk import Explorer
from firewall.console.explorer.exporting import MOST as FILE
from firewall.console.explorer.exporting import Proofs, bundle
from firewall.console.explorer.search import PAGE
from firewall.console.explorer.tails import Tails
from firewall.console.explorer.wish import KNOWN, Wish, read_wish
from firewall.console.held import HeldResponse
from firewall.console.rows import Row
from firewall.core.errors import ProtocolError

MOST = 200
"""Entries of one page; of many bytes it holds fewer, see `search.PAGE_BYTES`."""
PATH = "/api/entries"
_DIGITS = 15
_FIRST, _LAST = frozenset({"first"}), frozenset({"last"})
_EXPORT = {**dict.fromkeys(KNOWN, str), "first": int, "before": int, "limit": int, "opened": bool}


class EntryApi:
    """The handlers of `/api/entries…` and `/api/tail`, except of one entry without its proof."""

    def __init__(self, explorer: Explorer, entries: EntryDesk, proofs: Proofs, tails: Tails) -> None:
        self._explorer = explorer
        self._entries = entries
        self._proofs = proofs
        self._tails = tails

    def rows(self, doorman: Doorman) -> tuple[Row, ...]:
        """Return its routes; `doorman` tells for how long somebody may look on."""

        async def tail(request: Request, asker: Asker) -> Response:
            return await self._tail(request, asker, doorman)

        return (
            Row("GET", PATH, Access.LOG, self.search),
            Row("GET", "/api/tail", Access.LOG, tail),
            Row("POST", f"{PATH}/export", Access.LOG, self.export),
            Row("GET", f"{PATH}/{{seq}}/proof", Access.LOG, self.proof),
        )

    async def search(self, request: Request, asker: Asker) -> Response:
        """Return a page: `?actor=&environment=&…&first=SEQ&before=SEQ&limit=N`."""
        params = request.query_params
        wish, before = asked(params, self._explorer.now_us(), more=_FIRST)
        first, most = number(params, "first"), min(number(params, "limit") or PAGE, MOST)
        page = await self._explorer.search(wish, asker.known, first=first, before=before, most=most)
        return Response(await asyncio.to_thread(page.rendered), media_type="application/json")

    async def proof(self, request: Request, asker: Asker) -> Response:
        """Return one entry, opened, with a proof that it is in the log and the log's size under the proof."""
        seq = entry_number(request)
        found = await self._entries.get(seq, asker.known)
        if found is None:
            raise unknown_entry(seq)
        proof, size = await asyncio.to_thread(self._proofs.of, seq)
        return JSONResponse({**found, "proof": proof, "size": size})

    async def export(self, request: Request, asker: Asker) -> Response:
        """Return a bundle of what is looked for: the fields of a search, `first`, `before`, `limit`, `opened`."""
        said = await read_json(request, _EXPORT)
        is_open = said.pop("opened", False) is True
        params = QueryParams({name: str(value) for name, value in said.items()})
        wish, before = asked(params, self._explorer.now_us(), more=_FIRST)
        most = replace(FILE, entries=min(number(params, "limit") or FILE.entries, FILE.entries))
        write = partial(bundle, proofs=self._proofs, is_open=is_open)
        _, body = await self._explorer.collect(
            wish,
            asker.known,
            first=number(params, "first"),
            before=before,
            most=most,
            opened=is_open,
            written=write,
        )
        return Response(body, media_type="application/jsonl")

    async def _tail(self, request: Request, asker: Asker, doorman: Doorman) -> Response:
        """Look on: `?actor=&environment=&…&last=N`, as JSON lines."""
        params = request.query_params
        wish, before = asked(params, self._explorer.now_us(), more=_LAST)
        if before or "limit" in params:
            raise ProtocolError("who looks on says `last`, not `before` or `limit`", code="search_invalid")
        lasts = partial(doorman.lasts, request, asker, Access.LOG)
        last = min(number(params, "last"), MOST)
        body, release = await self._tails.lines(wish, asker.known, last=last, lasts=lasts)
        return HeldResponse(body, media_type="application/jsonl", release=release)


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
