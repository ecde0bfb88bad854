"""When the index of the log is made: in calm moments, for whoever searches, and at the latest after a while."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from firewall.console.explorer.behind import CALM, LOOKED_S, PUT_OFF_S, Behind, Kept
from firewall.core.secret import Secret


@dataclass(slots=True)
class Log:
    """A log that only has a size, and a clock."""

    size: int = 5_000
    now_s: float = 1_000.0

    def behind(self) -> Behind:
        """Return what keeps its index."""
        kept = Kept(Path("log"), Path("keystore"), Path("index"), Secret("kek"))
        return Behind(kept, lambda: self.size, now=lambda: self.now_s)


@pytest.mark.parametrize(("came", "is_time"), [(0, True), (CALM, True), (CALM + 1, False), (50_000, False)])
def test_a_moment_is_calm_by_what_came_since_the_last_look(came: int, *, is_time: bool) -> None:
    """What is busy puts the index off; the look after it counts anew."""
    log = Log()
    behind = log.behind()
    assert behind.is_time()
    log.size += came
    assert behind.is_time() is is_time
    assert behind.is_time()


def test_a_server_that_was_found_busy_is_asked_anew_for_whoever_searches() -> None:
    """Somebody who searches is served on a busy server, too, and a minute longer."""
    log = Log()
    behind = log.behind()
    log.size += CALM + 1
    assert not behind.is_time()
    behind.looked()
    for since, is_time in ((0.0, True), (LOOKED_S - 1, True), (LOOKED_S, False)):
        log.size += CALM + 1
        log.now_s = 1_000.0 + since
        assert behind.is_time() is is_time


def test_a_server_that_is_never_calm_is_indexed_after_a_while() -> None:
    """It is put off from the last time that it was let, not for ever."""
    log = Log()
    behind = log.behind()
    asked = []
    for _ in range(int(2 * PUT_OFF_S / 100) + 1):
        log.size += CALM + 1
        asked.append(behind.is_time())
        log.now_s += 100
    assert asked == [False] * 9 + [True] + [False] * 8 + [True]
