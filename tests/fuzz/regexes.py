"""Every compiled pattern of the code and of the shipped catalogues, and strings made to pump each of them.

A pattern is pumped with its own alphabet: pieces of one or two characters that its own parts accept, repeated,
with an end that it refuses. What takes more than linear time shows on some of them.
"""

import ast
import importlib
import pkgutil
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import product
from types import ModuleType

import firewall.classify
import firewall.core
import firewall.policy
from firewall.classify.globs import Glob
from tests.meta.tree import dotted, modules
from tests.support.understanding import shipped_catalogue, shipped_context

_PACKAGES = (firewall.classify, firewall.core, firewall.policy)
_SAMPLES = "/.-_:=\"'(["
_EVERYWHERE = frozenset({"search", "finditer", "findall", "sub", "subn", "split"})
MOST_PIECES = 18
SIZE = 50_000
LIMIT_S = 2.0
"""Of processor time for one string: a linear pattern takes a millisecond, one of two hundred alternatives 0.3 s, a
quadratic one five seconds and more."""
LIMITED = {
    "firewall.classify.mcp.words._WEAKENS": 4_000,
    "firewall.classify.mcp.words._WRAPPED": 4_000,
    "firewall.classify.shell.addressed._URL": 4_096,
    "firewall.classify.shell.assigning._COMPUTED": 4_096,
    "firewall.classify.shell.files._OPEN_MODE": 64,
    "firewall.classify.shell.sed._SED_RUNS": 4_096,
    "firewall.classify.shell.sed._SED_WRITES": 4_096,
}
"""Patterns that take more than linear time, and the most characters that their callers give them."""


@dataclass(frozen=True, slots=True)
class Used:
    """A pattern and how the code uses it."""

    where: str
    pattern: re.Pattern[str]
    searches: bool
    """It is tried at every place of a text, not only at the first."""

    def run(self, text: str) -> None:
        """Try it on a text in the ways in which the code does."""
        self.pattern.fullmatch(text)
        self.pattern.match(text)
        if self.searches:
            self.pattern.search(text)


def patterns() -> list[Used]:
    """Return every text pattern, with where it was first found."""
    found: dict[re.Pattern[str], Used] = {}
    searched = _searched()
    for module in _modules():
        for name, value in vars(module).items():
            for pattern in _inside(value, depth=3):
                where = f"{module.__name__}.{name}"
                before = found.get(pattern)
                searches = name in searched.get(module.__name__, ()) or (before is not None and before.searches)
                found[pattern] = Used(before.where if before else where, pattern, searches)
    for pattern in _inside((shipped_catalogue(), shipped_context().environments), depth=12):
        found.setdefault(pattern, Used(f"the shipped catalogues: {pattern.pattern[:60]}", pattern, searches=False))
    return list(found.values())


def _searched() -> dict[str, set[str]]:
    """Return, for each module, the names that stand before `.search(`, `.finditer(`, `.sub(` and the like."""
    found: dict[str, set[str]] = {}
    for path, tree in modules("firewall"):
        names = found.setdefault(dotted(path), set())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in _EVERYWHERE and isinstance(node.value, ast.Name):
                names.add(node.value.id)
    return found


def pumped(pattern: re.Pattern[str], size: int) -> Iterator[str]:
    """Yield strings of about `size` characters that a pattern is likely to take long over."""
    own = list(dict.fromkeys(_letters(pattern.pattern)))
    pairs = ["".join(pair) for pair in product(own[:3], repeat=2)]
    pieces = list(dict.fromkeys([*own[:6], "a", " ", "\n", "0", *pairs, *_SAMPLES]))[:MOST_PIECES]
    heads = ("", _words(pattern.pattern)[:40])
    for piece in pieces:
        for head in heads:
            yield head + piece * (size // len(piece)) + "\0"


def _letters(text: str) -> str:
    """Return the literal characters of a pattern, the rarer signs first."""
    plain = re.sub(r"\\[A-Za-z]|\(\?[a-zA-Z<!=:>]*", "", text).replace("\\", "")
    return "".join(sorted(set(plain), key=lambda char: (char.isalnum(), char)))


def _words(text: str) -> str:
    """Return the first run of plain letters of a pattern, which a text must often begin with."""
    found = re.search(r"[A-Za-z]{2,}", re.sub(r"\\[A-Za-z]|\(\?\w*", "", text))
    return found[0] if found else ""


def _modules() -> Iterator[ModuleType]:
    for package in _PACKAGES:
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(info.name)


def _inside(value: object, *, depth: int) -> Iterator[re.Pattern[str]]:
    """Yield the patterns in a value, in containers and in dataclasses."""
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
        return
    if isinstance(value, Glob):
        yield value.compiled()
        return
    for inner in _parts(value) if depth else ():
        yield from _inside(inner, depth=depth - 1)


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, tuple | list | set | frozenset):
        yield from value
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, field.name) for field in fields(value))


class SlowError(Exception):
    """A pattern was still at it when its time was over."""


def _over(_signal: int, _frame: object) -> None:
    raise SlowError


def main() -> int:
    """Try every pattern on its strings and name those that are still at it when a quadratic one would be."""
    signal.signal(signal.SIGVTALRM, _over)
    found = patterns()
    slow = [used.where for used in found if _is_slow(used)]
    sys.stdout.write("".join(f"slow: {where}\n" for where in slow))
    sys.stdout.write(f"{len(found)} patterns, {len(slow)} slow\n")
    return 1 if slow else 0


def _is_slow(used: Used) -> bool:
    size = LIMITED.get(used.where, SIZE)
    try:
        for text in pumped(used.pattern, size):
            signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
            used.run(text)
    except SlowError:
        return True
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return False


if __name__ == "__main__":
    raise SystemExit(main())
