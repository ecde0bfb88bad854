"""The threat model's table of attacks names tests that exist and say which attack they repeat."""

import ast
import re
from functools import cache

from tests.meta.tree import ROOT, modules, shown

_ITEM = re.compile(r"^\| (\d+) \| .* \| (.*) \|$", re.MULTILINE)
_NAMED = re.compile(r"`([^`:]+)::(\w+)`")
_SAYS = re.compile(r"((?:\w+, )*\w+): ")
APPROVING = range(51, 63)
LOG = range(74, 84)


def _rows() -> dict[int, list[tuple[str, str]]]:
    page = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
    section = page.split("\n## Attacks on approving and on the log")[1].partition("\n## ")[0]
    return {int(number): _NAMED.findall(tests) for number, tests in _ITEM.findall(section)}


@cache
def _promises() -> dict[tuple[str, str], str]:
    return {
        (shown(path).removeprefix("tests/"), node.name): ast.get_docstring(node) or ""
        for path, tree in modules("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _numbers(promise: str) -> set[int]:
    said = _SAYS.match(promise)
    return {int(word) for word in said[1].split(", ") if word.isdigit()} if said else set()


def test_every_attack_has_its_tests() -> None:
    """Each item stands in the table once, with tests that are there and whose docstrings say its number."""
    rows = _rows()
    assert sorted(rows) == [*APPROVING, *LOG]
    assert [number for number, tests in rows.items() if not tests] == []
    silent = [
        f"{number}: {path}::{name}"
        for number, tests in rows.items()
        for path, name in tests
        if number not in _numbers(_promises().get((path, name), ""))
    ]
    assert silent == []


def test_the_table_is_held_against_what_tests_say() -> None:
    """Numbers are read as they are written: several of one test, words between them, and none in prose."""
    assert _numbers("51, CSRF: nothing") == {51}
    assert _numbers("59, 61: settled") == {59, 61}
    assert _numbers("51 people look: nothing") == set()
