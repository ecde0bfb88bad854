"""Web Push: browsers of approvers are told while their page is closed (RFC 8030; ADR 0054).

INVARIANT: what a push service is given is encrypted for one browser and always equally long; the text within is an
id and a word. No argument, resource, operation, environment or name leaves here.
A try that reached some is gone on with at the others. A browser that its service knows no more is forgotten; one
that the service refuses is not asked again for the same message, and keeps nobody else from being told.
"""

import asyncio
import base64
import hmac
import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from firewall.approvals.channels.port import NotDeliveredError, failure_of
from firewall.codecs.push import places
from firewall.codecs.push.message import SALT_BYTES, sealed
from firewall.codecs.push.places import Place
from firewall.codecs.push.vapid import authorization
from firewall.core.errors import FirewallError, ProtocolError
from firewall.core.notice import Alert, Message, Opened, Reminded, Seen, Settled
from firewall.core.ports import Clock
from firewall.core.push import PushBrowser

PADDED_BYTES = 128
"""How long every text is made."""
ALERT_S = 4 * 3600
"""How long a push service keeps what is told of an alert for a browser that is off."""
LONGEST_S = 24 * 3600
MAX_UNDER_WAY = 1_000
AT_ONCE = 8
"""Browsers that are written to at a time."""
_GONE = frozenset({404, 410})
_AGAIN = frozenset({408, 425, 429})
_log = logging.getLogger("stayhand.notify")


@dataclass(frozen=True, slots=True)
class Posted:
    """What a push service answered."""

    status: int
    retry_after_s: float = 0.0


class Courier(Protocol):
    """Posts to push services: addresses of others, checked as they are resolved; no redirect is followed."""

    async def post(self, place: Place, body: bytes, fields: Sequence[tuple[str, str]]) -> Posted:
        """Post once. Raises: NotDeliveredError where no answer came."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class Audience(Protocol):
    """Whose browsers are told of what."""

    async def browsers(self, message: Message) -> Sequence[PushBrowser]:
        """Return the browsers of those whom a message concerns at this moment. Raises: FirewallError."""
        ...

    async def gone(self, browser: PushBrowser) -> None:
        """Forget a browser that its push service knows no more. Raises: FirewallError."""
        ...


@dataclass(frozen=True, slots=True)
class Application:
    """Who sends: what push services know us by."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    subject: str
    """Whom a push service may write to about it: a `mailto:` or `https:` address; empty: nobody."""
    hosts: tuple[str, ...] = places.USUAL


@dataclass(frozen=True, slots=True)
class _Letter:
    """One message as it goes to every browser."""

    text: bytes
    topic: str
    """What is replaced at the push service by a later one of the same; before it is made one browser's own."""
    ttl_s: int
    urgency: Literal["high", "normal"]
    round: str
    """What its tries have in common."""


@dataclass(slots=True)
class _Round:
    """One message on its way to everybody."""

    message: Message
    done: set[str] = field(default_factory=set)
    """Browsers that need not be asked again."""
    reached: int = 0
    refusal: str = ""


class Push:
    """Writes to the browsers of those whom it concerns."""

    def __init__(self, application: Application, *, audience: Audience, courier: Courier, clock: Clock) -> None:
        self._application = application
        self._audience = audience
        self._courier = courier
        self._clock = clock
        self._rounds: dict[str, _Round] = {}
        """By what a message's tries have in common."""
        self._told: dict[str, set[str]] = {}
        """The browsers that showed an approval."""

    async def send(self, message: Message) -> None:
        """Write to everybody who was not reached yet; nobody has to have a browser.

        Raises: NotDeliveredError, FirewallError.
        """
        letter = self._letter(message)
        if letter is None:
            return
        browsers = list(await self._audience.browsers(message))
        if isinstance(message, Settled):
            told = self._told.get(message.notice.id, set())
            browsers = [one for one in browsers if one.id in told]
        under_way = self._under_way(letter.round, message)
        places_limit = asyncio.Semaphore(AT_ONCE)

        async def one(browser: PushBrowser) -> NotDeliveredError | None:
            async with places_limit:
                try:
                    return await self._tried(browser, letter, under_way)
                except Exception as error:  # noqa: BLE001 - one that cannot be written to keeps it from no other
                    return failure_of(error)

        waiting = [browser for browser in browsers if browser.id not in under_way.done]
        failures = [found for found in await asyncio.gather(*map(one, waiting)) if found is not None]
        if failures:
            longest = max(found.retry_after_s for found in failures)
            raise NotDeliveredError(failures[0].word, retry_after_s=longest)
        self._rounds.pop(letter.round, None)
        if isinstance(message, Settled):
            self._told.pop(message.notice.id, None)
        if under_way.refusal and not under_way.reached:
            raise NotDeliveredError(under_way.refusal)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._courier.aclose()

    async def _tried(self, browser: PushBrowser, letter: _Letter, under_way: _Round) -> NotDeliveredError | None:
        """Write to one browser; return what makes another try worth while."""
        try:
            place = places.place_of(browser.endpoint.reveal(), self._application.hosts)
        except ProtocolError:  # the list of hosts is shorter than when it was added
            self._refused(browser, under_way, "push_endpoint_refused")
            return None
        try:
            said = await self._courier.post(place, _body(browser, letter), self._fields(browser, place, letter))
        except NotDeliveredError as failure:
            return failure
        if said.status in _GONE:
            under_way.done.add(browser.id)
            await self._forgotten(browser)
        elif 200 <= said.status < 300:
            under_way.done.add(browser.id)
            under_way.reached += 1
            self._remember(under_way.message, browser)
        elif said.status in _AGAIN or said.status >= 500:
            return NotDeliveredError(f"http_{said.status}", retry_after_s=said.retry_after_s)
        else:
            self._refused(browser, under_way, f"http_{said.status}")
        return None

    def _fields(self, browser: PushBrowser, place: Place, letter: _Letter) -> list[tuple[str, str]]:
        now_s = self._clock.now_us() // 1_000_000
        subject = self._application.subject
        return [
            (
                "authorization",
                authorization(self._application.key, audience=place.origin, subject=subject, now_s=now_s),
            ),
            ("content-encoding", "aes128gcm"),
            ("content-type", "application/octet-stream"),
            ("ttl", str(letter.ttl_s)),
            ("urgency", letter.urgency),
            ("topic", _topic(browser, letter)),
        ]

    def _letter(self, message: Message) -> _Letter | None:
        match message:
            case Opened(notice) | Reminded(notice):
                left_s = (notice.expires_at - self._clock.now_us()) // 1_000_000
                ttl_s = max(0, min(left_s, LONGEST_S))
                return _Letter(_text("waits", notice.id), notice.id, ttl_s, "high", notice.id)
            case Settled(notice):
                # A browser that is off is told neither that it waits nor that it waits no more.
                return _Letter(_text("over", notice.id), notice.id, 0, "normal", notice.id)
            case Alert(kind=kind, text=text):
                return _Letter(_text("notice", ""), "notice", ALERT_S, "normal", f"{kind} {text}")
            case Seen():
                return None

    def _under_way(self, name: str, message: Message) -> _Round:
        known = self._rounds.get(name)
        if known is not None and known.message is message:
            return known
        _make_room(self._rounds)
        self._rounds[name] = _Round(message)
        return self._rounds[name]

    def _remember(self, message: Message, browser: PushBrowser) -> None:
        if isinstance(message, Opened | Reminded):
            if message.notice.id not in self._told:
                _make_room(self._told)
            self._told.setdefault(message.notice.id, set()).add(browser.id)

    def _refused(self, browser: PushBrowser, under_way: _Round, word: str) -> None:
        under_way.done.add(browser.id)
        under_way.refusal = word
        _log.warning("push=%s failure=%s", browser.id, word)

    async def _forgotten(self, browser: PushBrowser) -> None:
        try:
            await self._audience.gone(browser)
        except FirewallError as error:  # it stays, and is forgotten with the next message
            _log.warning("push=%s could not be forgotten: %s", browser.id, error.code)


def _text(word: str, approval_id: str) -> bytes:
    return json.dumps({"about": word, "id": approval_id}, separators=(",", ":")).encode()


def _body(browser: PushBrowser, letter: _Letter) -> bytes:
    return sealed(
        letter.text,
        receiver=browser.receiver,
        auth=browser.auth,
        sender=ec.generate_private_key(ec.SECP256R1()),
        salt=secrets.token_bytes(SALT_BYTES),
        padded=PADDED_BYTES,
    )


def _topic(browser: PushBrowser, letter: _Letter) -> str:
    """Return a name of 32 letters (RFC 8030, section 5.4) that says nothing, and joins no two browsers."""
    digest = hmac.new(browser.auth, b"stayhand topic 1\n" + letter.topic.encode(), "sha256").digest()
    return base64.urlsafe_b64encode(digest[:24]).decode("ascii")


def _make_room(kept: dict[str, _Round] | dict[str, set[str]]) -> None:
    if len(kept) >= MAX_UNDER_WAY:
        kept.pop(next(iter(kept)))
