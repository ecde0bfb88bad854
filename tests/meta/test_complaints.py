"""The table of what breaks in gateways names tests that exist, for every complaint."""

import ast
import re

from tests.meta.tree import ROOT, modules, shown

_ROW = re.compile(r"^\| (\d+) \| .* \| (.*) \|$", re.MULTILINE)
_NAMED = re.compile(r"`([^`:]+)::(\w+)`")
COMPLAINTS = range(1, 26)


def test_every_complaint_has_its_tests() -> None:
    """Each stands in the table once, with tests that are there."""
    page = (ROOT / "docs/routing.md").read_text(encoding="utf-8")
    section = page.split("\n## What breaks in gateways")[1].partition("\n## ")[0]
    rows = {int(number): _NAMED.findall(tests) for number, tests in _ROW.findall(section)}
    there = {
        (shown(path).removeprefix("tests/"), node.name)
        for path, tree in modules("tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert sorted(rows) == list(COMPLAINTS)
    assert [number for number, tests in rows.items() if not tests] == []
    assert [one for tests in rows.values() for one in tests if one not in there] == []
