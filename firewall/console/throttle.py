"""Guessing made slow, and counted: sign-ins per name and source, refused ones as one entry a source and minute."""

import ipaddress

from firewall.core.bucket import Full, Rate, take
from firewall.core.ports import Sequencer, Timer
from firewall.core.work import Plain, Record, Unit

PER_NAME = Rate(limit=6, window_us=60_000_000, burst=5)
PER_SOURCE = Rate(limit=12, window_us=60_000_000, burst=10)
_MINUTE_US = 60_000_000
_MOST = 10_000


def source_of(host: str) -> str:
    """Return what counts as one source: an IPv4 address, an IPv6 /64, or the text itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class Throttle:
    """Buckets in memory, one for each name and source; a restart forgives, which argon2 makes harmless.

    They fill by the time that passed: a machine's clock that is set neither forgives nor keeps anybody out.
    """

    def __init__(self, *, clock: Timer) -> None:
        self._clock = clock
        self._tats: dict[str, int] = {}

    def admit(self, name: str, source: str, way: str = "source") -> int:
        """Take one try from both buckets, without a name from the source's; return 0, or the seconds to wait.

        `way`: what is tried; each has buckets of its own, so that junk at one keeps nobody from another.
        """
        now = self._clock.elapsed_us()
        self._forget_empty(now)
        keys = [(f"{way}:{source}", PER_SOURCE)]
        if name:
            keys.insert(0, (f"name:{name.casefold()}", PER_NAME))
        taken: dict[str, int] = {}
        for key, rate in keys:
            found = take(rate, tat_us=self._tats.get(key, 0), now_us=now)
            if isinstance(found, Full):
                return max(1, -(-found.retry_after_us // 1_000_000))
            taken[key] = found.tat_us
        self._tats.update(taken)
        return 0

    def succeeded(self, name: str, source: str, way: str = "source") -> None:
        """Forgive a name (none: empty) and a source that proved themselves: only wrong tries count."""
        self._tats.pop(f"name:{name.casefold()}", None)
        self._tats.pop(f"{way}:{source}", None)

    def _forget_empty(self, now: int) -> None:
        if len(self._tats) > _MOST:
            self._tats = {key: tat for key, tat in self._tats.items() if tat > now}


class Refusals:
    """Counts refused sign-ins and tokens; at most one `approver.refused` entry per source and minute."""

    def __init__(self, *, sequencer: Sequencer, clock: Timer) -> None:
        self._sequencer = sequencer
        self._clock = clock
        self._counts: dict[tuple[str, str], int] = {}
        self._written: dict[tuple[str, str], int] = {}

    async def note(self, source: str, what: str) -> None:
        """Count one; write the entry at once unless this source had one within the minute.

        Raises: StoreError.
        """
        key = (source, what) if len(self._counts) < _MOST else ("many", what)
        self._counts[key] = self._counts.get(key, 0) + 1
        await self._write_if_due(key)

    async def flush(self) -> None:
        """Write what was counted and is due, and forget sources that have been quiet.

        Raises: StoreError; what was counted is kept.
        """
        for key in list(self._counts):
            await self._write_if_due(key)
        now = self._clock.elapsed_us()
        self._written = {key: at for key, at in self._written.items() if now - at < _MINUTE_US}

    async def _write_if_due(self, key: tuple[str, str]) -> None:
        now = self._clock.elapsed_us()
        written = self._written.get(key)
        if written is not None and now - written < _MINUTE_US:
            return
        count = self._counts.pop(key, 0)
        if not count:
            return
        self._written[key] = now
        source, what = key
        data: dict[str, Plain] = {
            "source": self._sequencer.pseudonym(f"sources/{source}"),
            "what": what,
            "count": count,
        }
        try:
            await self._sequencer.submit(Unit(records=(Record(kind="approver.refused", data=data),)))
        except BaseException:
            self._counts[key] = self._counts.get(key, 0) + count
            self._written.pop(key, None)
            raise
