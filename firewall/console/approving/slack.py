"""Buttons in Slack: a signed click of a known approver, weighed like a vote that shows no session of ours.

INVARIANT: nothing is read of a request before Slack's signature holds; who clicked is whom `[[approver]]` maps to
that member id and who may still sign in. A click approves only where a personal link could: a row says `auth=link`
and the call is nothing grave. Denying is for every approver who may decide: it can only stop something. Everything
else is answered, to the one who clicked, with the address of the page.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from firewall.approvals.channels.port import NotDeliveredError, Read
from firewall.approvals.channels.slack_clicks import Click, click_of
from firewall.approvals.people import Approver
from firewall.approvals.service import Approvals
from firewall.console.asking import Asker, read_body
from firewall.console.auth import Authenticator
from firewall.console.throttle import Refusals
from firewall.core.approval import Approval, ApprovalStatus, Decision
from firewall.core.errors import ApprovalError, AuthError, ConfigError, FirewallError
from firewall.core.ids import is_id
from firewall.core.ports import Clock

PATH = "/slack/actions"
_log = logging.getLogger("stayhand.slack")


class Whisperer(Protocol):
    """Says something to one person in a channel."""

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """Say it once. Raises: NotDeliveredError, FirewallError."""
        ...


@dataclass(frozen=True, slots=True)
class SlackApp:
    """One configured bot with buttons."""

    secret: Read
    bot: Whisperer
    team: str = ""
    """The one workspace whose members count; empty: any."""


@dataclass(frozen=True, slots=True)
class SlackDesk:
    """The bots, and who is who."""

    apps: Sequence[SlackApp]
    members: Mapping[str, str]
    """Names of approvers by their Slack member id."""


class SlackButtons:
    """The handler of clicks."""

    def __init__(
        self,
        desk: SlackDesk,
        *,
        approvals: Approvals,
        authenticator: Authenticator,
        refusals: Refusals,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._approvals = approvals
        self._authenticator = authenticator
        self._refusals = refusals
        self._clock = clock

    async def click(self, request: Request, asker: Asker) -> Response:
        """Take a click; Slack wants its answer at once, whoever clicked is told in the channel."""
        body = await read_body(request)
        found = self._signed(request, body)
        if found is None:
            await self._refusals.note(asker.source, "slack")
            raise AuthError(detail="no app of ours has signed this")
        app, click = found
        if click is None:
            return Response()
        said = await self._weighed(app, click, asker.source)
        if not said:
            return Response()
        return Response(background=BackgroundTask(_whispered, app, click, said))

    def _signed(self, request: Request, body: bytes) -> tuple[SlackApp, Click | None] | None:
        stamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        for app in self._desk.apps:
            try:
                secret = app.secret().reveal().encode()
            except ConfigError as error:  # the others' clicks count all the same
                _log.warning("the signing secret of a Slack app cannot be read: %s", error.public)
                continue
            try:
                return app, click_of(
                    body, stamp=stamp, signature=signature, secret=secret, now_us=self._clock.now_us()
                )
            except AuthError:
                continue
        return None

    async def _weighed(self, app: SlackApp, click: Click, source: str) -> str:
        """Return what whoever clicked is to be told; empty: the message itself will say it."""
        name = self._desk.members.get(click.user, "")
        person = self._authenticator.person(name) if name else None
        if person is None or (app.team and click.team != app.team):
            await self._refusals.note(source, "slack_member")
            return "Stayhand does not know you as an approver here. Nothing was decided."
        if not is_id(click.approval, "apr"):
            return "There is no such approval."
        try:
            approval = await self._decided(click, person)
        except ApprovalError as error:
            return f"Nothing was decided by your click: {error.public}. {self._address(click)}"
        return "Your vote is in; others have to agree." if approval.status is ApprovalStatus.PENDING else ""

    async def _decided(self, click: Click, person: Approver) -> Approval:
        """Vote. Raises: ApprovalError, StoreError."""
        approves = click.decision is Decision.APPROVE
        by = replace(person, via="slack", auth="link" if approves else "slack")
        if approves and self._approvals.get(click.approval).obligations.auth != "link":
            raise ApprovalError("this is approved on its page alone", code="approver_not_permitted", status=403)
        return await self._approvals.decide(click.approval, click.decision, by=by)

    def _address(self, click: Click) -> str:
        return self._approvals.rules.address(click.approval)


async def _whispered(app: SlackApp, click: Click, said: str) -> None:
    try:
        await app.bot.whisper(click.channel, click.user, said)
    except (NotDeliveredError, FirewallError) as error:
        _log.warning("a click could not be answered: %s", type(error).__name__)
