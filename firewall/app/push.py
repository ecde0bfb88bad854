"""Web Push, put together: who sends, to whose browsers, over which connections."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firewall.approvals.channels.port import NotDeliveredError
from firewall.approvals.channels.push import Application, Courier, Posted, Push
from firewall.approvals.people import Roster
from firewall.approvals.service import Approvals
from firewall.codecs.push.places import Place
from firewall.codecs.push.vapid import application_key, signing_key
from firewall.console.pushing.audience import Readers
from firewall.console.pushing.room import PushDesk
from firewall.core.errors import ConfigError, ProtocolError, UpstreamError
from firewall.core.ids import spell_id
from firewall.core.ports import Clock
from firewall.core.secret import Secret
from firewall.routing.port import Endpoint, Fields, Timeouts, UpstreamRequest
from firewall.routing.upstream import HttpUpstream
from firewall.sequencer.opening import Installation
from firewall.settings.notify import Notify
from firewall.settings.settings import Settings
from firewall.tokens.pushes import Pushes

_TIMES = Timeouts(connect_s=5.0, first_byte_s=10.0, idle_s=10.0, total_s=10.0)
_MOST_BYTES = 64 * 1024


class HttpCourier:
    """Posts over our own client: names are resolved once and checked, no redirect is followed."""

    def __init__(self, ca_file: Path | None = None, *, times: Timeouts = _TIMES) -> None:
        """`ca_file`: the authorities to believe in place of the usual ones."""
        self._times = times
        self._upstream = HttpUpstream(ca_file=ca_file)

    async def post(self, place: Place, body: bytes, fields: Sequence[tuple[str, str]]) -> Posted:
        """As the port says."""
        request = UpstreamRequest(
            method="POST",
            path=place.path,
            query=place.query,
            fields=[(name.encode("ascii"), value.encode("ascii")) for name, value in fields],
            body=body,
            streamed=False,
            verbatim=True,
            redirects=True,
        )
        try:
            endpoint = Endpoint("push service", place.origin, private=place.is_private, timeouts=self._times)
            async with await self._upstream.open(endpoint, request) as answer:
                await answer.read(_MOST_BYTES)
                return Posted(answer.status, _seconds(answer.raw_fields))
        except UpstreamError as error:
            raise NotDeliveredError(error.fault.value) from error
        except (ConfigError, ProtocolError) as error:
            raise NotDeliveredError(error.code) from error

    async def aclose(self) -> None:
        """As the port says."""
        await self._upstream.close()


@dataclass(slots=True)
class Pushing:
    """What every push channel shares, and what the console needs of it."""

    pushes: Pushes
    seed: Secret
    roster: Roster
    readers: list[Readers] = field(default_factory=list)

    def begin(self, approvals: Approvals) -> None:
        """Say what browsers are told of."""
        for one in self.readers:
            one.begin(approvals)

    @property
    def application_key(self) -> str:
        """Return the public key that pages give their browser."""
        return application_key(signing_key(bytes.fromhex(self.seed.reveal())))

    def desk(self, settings: Settings) -> PushDesk:
        """Return what the console needs of it."""
        named = (host for one in settings.notify if one.kind == "push" for host in one.hosts)
        hosts = tuple(dict.fromkeys(named))
        return PushDesk(self.pushes, hosts=hosts, application_key=self.application_key)

    def sender(self, one: Notify, settings: Settings, clock: Clock) -> Push:
        """Return a channel. Raises: ConfigError for authorities that cannot be read."""
        readers = Readers(self.pushes, self.roster, one.groups)
        self.readers.append(readers)
        application = Application(
            signing_key(bytes.fromhex(self.seed.reveal())), one.contact(settings.server.public_url), one.hosts
        )
        courier: Courier = HttpCourier(settings.anchored(one.ca) if one.ca else None)
        return Push(application, audience=readers, courier=courier, clock=clock)


def pushing_of(settings: Settings, installation: Installation, roster: Roster, clock: Clock) -> Pushing | None:
    """Return what push channels share; None where none is configured."""
    if not any(one.kind == "push" for one in settings.notify):
        return None
    pushes = Pushes(
        sequencer=installation.writer,
        rows=installation.pushes,
        clock=clock,
        new_id=lambda: spell_id("psh", secrets.token_bytes(17)),
    )
    return Pushing(pushes, installation.push_seed, roster)


def _seconds(fields: Fields) -> float:
    """Return how long the service wants to be left alone; dates are not read."""
    found = [value.strip() for name, value in fields if name.lower() == b"retry-after"]
    return float(found[0]) if found and found[0].isdigit() and len(found[0]) < 7 else 0.0
