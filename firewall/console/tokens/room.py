"""The pages of tokens, for admins: who has one, what it could do, when it was used; mint, narrow, revoke.

INVARIANT: the text of a token leaves in the answer to the form that made it, and in no other; nothing keeps it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from firewall.console.api.admin import TokenDesk
from firewall.console.auth import Access
from firewall.console.rooms import Fields, Frame, Visitor
from firewall.console.rows import Row, Tab
from firewall.console.tokens.tree import Seen, tree
from firewall.console.tokens.wishes import wish_from
from firewall.console.tokens.words import VERBS
from firewall.core.errors import FirewallError, ProtocolError
from firewall.core.grant import GrantError, Verb
from firewall.core.ids import is_id
from firewall.core.ports import Clock
from firewall.tokens.port import TokenRow
from firewall.tokens.service import Tokens, UnknownTokenError

PATH = "/console/tokens"
PAGE = 25
"""Tokens on a page, those narrowed from them not counted."""
MOST_BELOW = 20
"""Of what was narrowed from one token, so many are shown in the list."""
MOST_ON_OWN_PAGE = 200
_START: Fields = {"ttl": "8h", "role": "coding-agent", f"verb_{Verb.READ.value}": "on"}
"""What a form begins with: a token reads, and whoever mints it chooses what more it may."""


class TokenRoom:
    """The room of the pages; `desk` does what the forms say and has it recorded."""

    tab = Tab(PATH, "Tokens", Access.ADMIN)

    def __init__(self, tokens: Tokens, desk: TokenDesk, clock: Clock) -> None:
        self._tokens = tokens
        self._desk = desk
        self._clock = clock

    def rows(self, frame: Frame) -> tuple[Row, ...]:
        """Return its routes."""
        pages = _TokenPages(frame, self.tab, self)
        needs = self.tab.needs
        return (
            frame.page(PATH, pages.listing, needs),
            frame.page(f"{PATH}/mint", pages.empty, needs),
            frame.form(f"{PATH}/mint", pages.mint, needs),
            frame.page(f"{PATH}/{{id}}", pages.one, needs),
            frame.form(f"{PATH}/{{id}}/narrow", pages.narrow, needs),
            frame.form(f"{PATH}/{{id}}/revoke", pages.revoke, needs),
        )

    def listed(self, after: str) -> tuple[list[Seen], str]:
        """Return a page of tokens with what was narrowed from them, and what the next page begins behind."""
        found = list(self._tokens.roots(PAGE + 1, after))
        roots, is_more = found[:PAGE], len(found) > PAGE
        return [self._tree(one, MOST_BELOW) for one in roots], roots[-1].id if is_more else ""

    def shown(self, token_id: str) -> tuple[Seen, Sequence[TokenRow]]:
        """Return one token with all below it, and its ancestors, the nearest first. Raises: UnknownTokenError."""
        if not is_id(token_id, "tok"):
            raise UnknownTokenError("there is no such token")
        row = self._tokens.row(token_id)
        ancestors = self._ancestors(row)
        now_us = self._clock.now_us()
        is_live = all(not one.revoked_at and one.expires_at > now_us for one in ancestors)
        return self._tree(row, MOST_ON_OWN_PAGE, parent_is_live=is_live), ancestors

    async def mint(self, fields: Fields, visitor: Visitor) -> Mapping[str, object]:
        """Mint a token of a form. Raises: FirewallError."""
        wish = wish_from(fields)
        return await self._desk.mint({**wish, "kind": "agent"}, visitor.who)

    async def narrow(self, token_id: str, fields: Fields, visitor: Visitor) -> Mapping[str, object]:
        """Mint a child of a form. Raises: FirewallError."""
        found, _ = self.shown(token_id)
        if not found.can_narrow:
            raise GrantError("this token cannot be narrowed any more")
        return await self._desk.narrow(token_id, wish_from(fields), visitor.who)

    async def revoke(self, token_id: str, visitor: Visitor) -> None:
        """Revoke a token and with it its children. Raises: FirewallError."""
        self.shown(token_id)
        await self._desk.revoke(token_id, visitor.who)

    def _tree(self, row: TokenRow, most: int, *, parent_is_live: bool = True) -> Seen:
        found = list(self._tokens.descendants(row.id, most + 1))
        below = found[:most]
        used = self._tokens.uses.of([row.id, *(one.id for one in below)])
        made = tree(row, below, used, now_us=self._clock.now_us(), parent_is_live=parent_is_live)
        return replace(made, more=len(found) - len(below))

    def _ancestors(self, row: TokenRow) -> list[TokenRow]:
        found: list[TokenRow] = []
        while row.parent and len(found) < 8:
            row = self._tokens.row(row.parent)
            found.append(row)
        return found


class _TokenPages:
    """The handlers."""

    def __init__(self, frame: Frame, tab: Tab, room: TokenRoom) -> None:
        self._frame = frame
        self._tab = tab
        self._room = room

    async def listing(self, request: Request, visitor: Visitor) -> Response:
        """Show a page of tokens, newest first."""
        after = request.query_params.get("after", "")
        if after and not is_id(after, "tok"):
            raise ProtocolError("there is no such page of tokens", code="not_found", status=404)
        tokens, next_after = self._room.listed(after)
        return self._html(visitor, "tokens.html", tokens=tokens, after=after, next_after=next_after)

    async def one(self, request: Request, visitor: Visitor) -> Response:
        """Show one token."""
        return self._one(str(request.path_params["id"]), visitor)

    async def empty(self, _request: Request, visitor: Visitor) -> Response:
        """Show the form to mint one."""
        return self._form(visitor, _START)

    async def mint(self, _request: Request, visitor: Visitor, fields: Fields) -> Response:
        """Mint one, and show it once."""
        try:
            made = await self._room.mint(fields, visitor)
        except FirewallError as error:
            return self._form(visitor, fields, error)
        return self._html(visitor, "token_made.html", status=201, made=made, parent="")

    async def narrow(self, request: Request, visitor: Visitor, fields: Fields) -> Response:
        """Mint a child, and show it once."""
        token_id = str(request.path_params["id"])
        try:
            made = await self._room.narrow(token_id, fields, visitor)
        except UnknownTokenError:
            raise
        except FirewallError as error:
            return self._one(token_id, visitor, fields, error)
        return self._html(visitor, "token_made.html", status=201, made=made, parent=token_id)

    async def revoke(self, request: Request, visitor: Visitor, _fields: Fields) -> Response:
        """Revoke one; it is shown as it stands then, also where somebody else was first."""
        token_id = str(request.path_params["id"])
        self._room.shown(token_id)
        try:
            await self._room.revoke(token_id, visitor)
        except UnknownTokenError as error:
            return self._one(token_id, visitor, None, error)
        return RedirectResponse(f"{PATH}/{token_id}", 303)

    def _one(
        self, token_id: str, visitor: Visitor, fields: Fields | None = None, error: FirewallError | None = None
    ) -> Response:
        found, ancestors = self._room.shown(token_id)
        return self._html(
            visitor,
            "token.html",
            status=error.status if error else 200,
            token=found,
            ancestors=[one.id for one in ancestors],
            verbs=[(f"verb_{verb.value}", words) for verb, words in VERBS.items() if _has(found, verb)],
            fields=fields if fields is not None else {**_START, "ttl": "", "role": ""},
            error=error.public if error else "",
        )

    def _form(self, visitor: Visitor, fields: Fields, error: FirewallError | None = None) -> Response:
        return self._html(
            visitor,
            "token_mint.html",
            status=error.status if error else 200,
            verbs=[(f"verb_{verb.value}", words) for verb, words in VERBS.items()],
            fields=fields,
            error=error.public if error else "",
        )

    def _html(self, visitor: Visitor, template: str, *, status: int = 200, **context: object) -> Response:
        return self._frame.html(template, visitor, self._tab, status=status, headers=None, script="", **context)


def _has(found: Seen, verb: object) -> bool:
    return found.grant is not None and verb in found.grant.verbs
