"""The explorer's room: search, one entry with its proof, and the routes of the API."""

import asyncio
from functools import partial

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from firewall.console.api.admin import EntryDesk, entry_number, unknown_entry
from firewall.console.auth import Access
from firewall.console.erasing.pages import ErasingPages
from firewall.console.explorer.api import EntryApi, asked
from firewall.console.explorer.desk import Explorer, moment
from firewall.console.explorer.exporting import MOST, Proofs, bundle
from firewall.console.explorer.tails import Tails
from firewall.console.explorer.verifying import Verifying
from firewall.console.explorer.view import listing, name_of, nothing, opened
from firewall.console.explorer.wish import Wish
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.core.errors import ProtocolError

PATH = "/console/log"


class LogRoom:
    """The room of `/console/log`."""

    tab = Tab(PATH, "Log", Access.LOG)

    def __init__(
        self,
        explorer: Explorer,
        entries: EntryDesk,
        verifying: Verifying,
        *,
        proofs: Proofs,
        tails: Tails,
        erasing: ErasingPages | None = None,
    ) -> None:
        self._erasing = erasing
        self._explorer = explorer
        self._entries = entries
        self._verifying = verifying
        self._proofs = proofs
        self._api = EntryApi(explorer, entries, proofs, tails)

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""

        async def search(request: Request, visitor: Visitor) -> Response:
            return await self._search(frame, request, visitor)

        async def one(request: Request, visitor: Visitor) -> Response:
            return await self._one(frame, request, visitor)

        async def verified(_request: Request, visitor: Visitor) -> Response:
            return self._verified(frame, visitor)

        needs = self.tab.needs
        return (
            frame.page(PATH, search, needs),
            frame.page(f"{PATH}/verify", verified, needs),
            frame.form(f"{PATH}/verify", self._verify, needs),
            frame.form(f"{PATH}/export", self._export, needs),
            *(self._erasing.rows(frame, self.tab) if self._erasing is not None else ()),
            frame.page(f"{PATH}/{{seq}}", one, needs),
            frame.page(f"{PATH}/{{seq}}/proof", self._proof, needs),
            *self._api.rows(frame.doorman),
        )

    async def _search(self, frame: Frame, request: Request, visitor: Visitor) -> Response:
        fields = {name: value.strip() for name, value in request.query_params.items()}
        try:
            wish, before = asked(request.query_params, self._explorer.now_us())
        except ProtocolError as error:
            page = nothing(fields)
            return frame.html("log.html", visitor, self.tab, status=error.status, page=page, said=error.public)
        found = await self._explorer.search(wish, visitor.who, before=before)
        page = await asyncio.to_thread(listing, found, fields, PATH)
        return frame.html("log.html", visitor, self.tab, page=page, said="")

    async def _one(self, frame: Frame, request: Request, visitor: Visitor) -> Response:
        seq = entry_number(request)
        entry = await self._entries.get(seq, visitor.who)
        if entry is None:
            raise unknown_entry(seq)
        proof, size = await asyncio.to_thread(self._proofs.of, seq)
        page = opened(entry, key=self._proofs.key, proof=proof, size=size)
        return frame.html("entry.html", visitor, self.tab, page=page)

    async def _proof(self, request: Request, visitor: Visitor) -> Response:
        seq = entry_number(request)
        await self._explorer.record("proof", visitor.who, Wish(), kind="audit.exported", read=seq)
        proof, _ = await asyncio.to_thread(self._proofs.of, seq)
        if not proof:
            raise unknown_entry(seq)
        name = f'attachment; filename="{name_of(seq)}"'
        return Response(proof, media_type="text/plain; charset=utf-8", headers={"content-disposition": name})

    def _verified(self, frame: Frame, visitor: Visitor) -> Response:
        run = self._verifying.last
        refresh = {"refresh": "2"} if run.is_running else {}
        began = moment(run.began_at) if run.began_at else ""
        return frame.html(
            "verify.html",
            visitor,
            self.tab,
            headers=refresh,
            run=run,
            began=began,
            command=self._verifying.command,
        )

    async def _verify(self, _request: Request, visitor: Visitor, _fields: Fields) -> Response:
        await self._explorer.record("verify", visitor.who, Wish())
        self._verifying.start()
        return RedirectResponse(f"{PATH}/verify", 303)

    async def _export(self, _request: Request, visitor: Visitor, fields: Fields) -> Response:
        said = {name: value for name, value in fields.items() if value and name not in ("csrf", "opened")}
        wish, before = asked(QueryParams(said), self._explorer.now_us())
        opened_too = fields.get("opened") == "yes"
        write = partial(bundle, proofs=self._proofs, is_open=opened_too)
        page, body = await self._explorer.collect(
            wish, visitor.who, before=before, most=MOST, opened=opened_too, written=write
        )
        entries = page.found.entries
        name = f"log-{entries[-1].seq}-{entries[0].seq}.jsonl" if entries else "log-nothing.jsonl"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type="application/jsonl", headers=headers)
