"""`python -m tests.collecting`: every test module is imported and its tests are listed, before any of them runs.

A module that imports a name which is gone fails here, in a minute, and not an hour later. Tests are listed twice,
with other hash seeds and another time of day: the workers of a part list theirs each for itself, and pytest-xdist
runs nothing where the lists differ, as they do when a parameter holds the time or comes out of a set.
"""

import difflib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).resolve().parents[1]
_LATER = """
import sys, time
clock = time.time
time.time = lambda: clock() + 3600.0
import pytest
raise SystemExit(pytest.main(sys.argv[1:]))
"""
"""The second list is made at another time, however fast the machine is."""
_SHOWN_LINES = 60


def differing(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Return the lines by which two lists of tests differ, in the form of a diff without its surroundings."""
    return [
        line for line in difflib.unified_diff(one, other, "first", "second", lineterm="", n=0) if line[:2] != "@@"
    ]


def _begin(start: Sequence[str], folder: Path, seed: int, into: IO[str]) -> "subprocess.Popen[str]":
    command = (
        sys.executable,
        *start,
        "--collect-only",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        str(folder),
    )
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=into, stderr=subprocess.STDOUT, text=True)


def collect(folder: Path) -> tuple[str, bool]:
    """List the tests of a folder twice; return what there is to say, and whether all is well."""
    with tempfile.TemporaryFile("w+") as first, tempfile.TemporaryFile("w+") as second:
        processes = [
            _begin(("-m", "pytest"), folder, 1, first),
            _begin(("-c", _LATER), folder, 2, second),
        ]
        codes = [process.wait() for process in processes]
        first.seek(0)
        second.seek(0)
        said, again = first.read(), second.read()
    if any(codes):
        text = said if codes[0] else again
        _, mark, errors = text.partition("= ERRORS =")
        return mark + errors or text[-8000:], False
    one, other = ([line for line in text.splitlines() if "::" in line] for text in (said, again))
    if one != other:
        differ = differing(one, other)[:_SHOWN_LINES]
        return "\n".join(("not the same tests each time; workers would refuse to run them:", *differ)), False
    return f"{len(one)} tests in {len({line.partition('::')[0] for line in one})} modules", True


def main() -> int:
    """Say what was found; 1 when a module cannot be imported or the lists differ."""
    said, well = collect(_ROOT / "tests")
    sys.stdout.write(said + "\n")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
