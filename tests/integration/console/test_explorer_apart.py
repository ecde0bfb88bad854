"""Programs of ours in processes of their own."""

import asyncio
import os
from pathlib import Path

import pytest

from firewall.console.explorer.apart import run_apart

ECHO = "import sys; sys.stderr.write('odd '); sys.stderr.flush(); print(sys.stdin.read(), end=''); sys.exit({})"


async def test_what_it_says_and_how_it_ended_is_told() -> None:
    """Both of its streams, or its errors alone; it is told what it is to do on its standard input."""
    both = await run_apart(("-c", ECHO.format(0)), longest_s=60, told=b"even")
    assert (both.said, both.is_well, both.is_late) == (b"odd even", True, False)
    errors = await run_apart(("-c", ECHO.format(3)), longest_s=60, told=b"even", only_errors=True)
    assert (errors.said, errors.code, errors.is_well) == (b"odd ", 3, False)
    nothing = await run_apart(("-c", ECHO.format(0)), longest_s=60)
    assert nothing.said == b"odd "


async def test_it_has_little_of_our_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret of our environment goes along, and our packages are found from any folder."""
    monkeypatch.setenv("STAYHAND_TEST_SECRET", "s3cret")
    ended = await run_apart(("-c", "import os, audit; print(sorted(os.environ))"), longest_s=60)
    assert ended.is_well, ended.said
    assert b"STAYHAND" not in ended.said


async def test_one_that_takes_too_long_is_ended() -> None:
    """Its time is bounded; nothing of it is left."""
    ended = await run_apart(("-c", "import time; time.sleep(600)"), longest_s=0.05)
    assert (ended.is_late, ended.is_well, ended.said) == (True, False, b"")


async def test_it_ends_with_whoever_waits_for_it() -> None:
    """A cancelled wait leaves no process behind."""
    before = set(_children())
    task = asyncio.create_task(run_apart(("-c", "import time; time.sleep(600)"), longest_s=600))
    while not (children := set(_children()) - before):  # noqa: ASYNC110 - the process is the system's, and starts soon
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children & set(_children())


def _children() -> list[str]:
    """Return the processes that this one has started and that run."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()
