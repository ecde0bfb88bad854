"""How providers fared, told from the log: how long they were down, how soon they were back, who stood in. Pure.

A provider is down while a circuit of one of its models is open. What a drill did is left out by whoever asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

OPENED, CLOSED, LOADED = "breaker.opened", "breaker.closed", "config.loaded"


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry of the log, as far as it matters here."""

    at_us: int
    kind: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of requests to one provider that were not answered at once."""

    provider: str
    """Its pseudonym."""
    failed: int
    stood_in: int
    saved: int
    """Calls that it answered after another attempt had failed; a call counts once."""


@dataclass(slots=True)
class Fared:
    """How one provider fared."""

    provider: str
    down_us: int = 0
    incidents: int = 0
    failed: int = 0
    """Requests to it that failed and were tried again or elsewhere."""
    stood_in: int = 0
    """Requests that it answered after another attempt had failed."""
    _open: set[str] = field(default_factory=set)
    _since_us: int = 0

    def opened(self, candidate: str, at_us: int) -> None:
        """A circuit of one of its models opened."""
        if not self._open:
            self._since_us = at_us
            self.incidents += 1
        self._open.add(candidate)

    def closed(self, candidate: str, at_us: int) -> None:
        """A circuit of one of its models closed."""
        if candidate in self._open:
            self._open.discard(candidate)
            if not self._open:
                self.down_us += at_us - self._since_us

    def over(self, at_us: int) -> None:
        """All its circuits are closed: the window is over, or the process began anew."""
        if self._open:
            self._open.clear()
            self.down_us += at_us - self._since_us

    def row(self, window_us: int) -> dict[str, object]:
        """Return its figures as JSON would have them."""
        up = 1.0 - self.down_us / window_us if window_us else 1.0
        return {
            "provider": self.provider,
            "uptime_percent": round(100 * up, 4),
            "incidents": self.incidents,
            "recovery_s": round(self.down_us / 1e6 / self.incidents, 1) if self.incidents else None,
            "failed_attempts": self.failed,
            "stood_in": self.stood_in,
        }


def report(
    seen: Iterable[Seen], tried: Iterable[Tried], names: Mapping[str, str], *, since_us: int, now_us: int
) -> dict[str, object]:
    """Return uptime, incidents and recovery by provider, and the calls that another attempt saved.

    `seen`: what circuits did, and starts of the server, oldest first; `names`: providers by their pseudonyms;
    those configured no more are shown by their pseudonym.
    """
    fared = {mark: Fared(name) for mark, name in names.items()}
    for one in seen:
        if one.kind == LOADED:
            if "pid" in one.data:  # a process began, and with it every circuit
                for each in fared.values():
                    each.over(one.at_us)
            continue
        mark = str(one.data.get("provider", ""))
        found = fared.setdefault(mark, Fared(mark))
        candidate = str(one.data.get("candidate", ""))
        if one.kind == OPENED:
            found.opened(candidate, max(one.at_us, since_us))
        else:
            found.closed(candidate, one.at_us)
    saved = 0
    for each_tried in tried:
        found = fared.setdefault(each_tried.provider, Fared(each_tried.provider))
        found.failed += each_tried.failed
        found.stood_in += each_tried.stood_in
        saved += each_tried.saved
    for each in fared.values():
        each.over(now_us)
    rows = [each.row(now_us - since_us) for each in fared.values()]
    return {"since_us": since_us, "until_us": now_us, "providers": rows, "saved": saved}
