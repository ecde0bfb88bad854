"""Inputs that are made to keep a reader busy: their work and that of parsers is counted, their memory measured."""

import subprocess
import sys

import pytest

from tests.support.hostile.case import Hostile
from tests.support.hostile.diet import watched
from tests.support.hostile.every import cases
from tests.support.work import counted

MAX_CALLS = 400_000
"""What one input may take: 50 ms on the machine that these were found on."""
MAX_TICKS = 900
MAX_PARSED_CHARS = 320 * 1024
LARGE = ("megabytes", "double", "deep", "wide", "many objects", "escaped forms", "long vector", "16 files of 'f")
"""Names of inputs that once took much memory, or are made to."""


def _cases() -> dict[str, list[Hostile]]:
    """Return the inputs by reader; of SQL's dialects those whose parsers differ."""
    found: dict[str, list[Hostile]] = {}
    for case in cases():
        if not case.reader.startswith("sql ") or case.reader in ("sql postgres", "sql mysql", "sql snowflake"):
            found.setdefault(case.reader, []).append(case)
    return found


_CASES = _cases()


def test_there_are_inputs_for_every_reader() -> None:
    """Each reader has inputs of its own, all of different names."""
    assert len(_CASES) >= 25
    for reader, inputs in _CASES.items():
        assert len(inputs) >= 4, reader
        assert len({case.name for case in inputs}) == len(inputs), reader


@pytest.mark.parametrize("reader", sorted(_CASES))
def test_hostile_inputs_take_bounded_work(reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However an input is made, a bounded number of calls and a bounded meal for every parser, and an answer."""
    eaten = watched(monkeypatch)
    heavy: dict[str, tuple[int, int, int]] = {}
    for case in _CASES[reader]:
        eaten.ticks = eaten.chars = 0
        actions, calls = counted(case.read)
        assert actions
        assert all(action.effects for action in actions)
        if calls > MAX_CALLS or eaten.ticks > MAX_TICKS or eaten.chars > MAX_PARSED_CHARS:
            heavy[case.name] = (calls, eaten.ticks, eaten.chars)
    assert heavy == {}


def test_hostile_inputs_take_bounded_memory() -> None:
    """None of the large ones takes more than 64 MB, as the operating system counts it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.memory", *LARGE],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert int(done.stdout.splitlines()[-1].split()[0]) > 100
