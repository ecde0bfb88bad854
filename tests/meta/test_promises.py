"""Every module is tested, every test says what it promises."""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.meta.tree import ROOT, dotted, files, modules, shown

_EXCUSED: dict[str, str] = tomllib.loads((ROOT / "tests/meta/untested.toml").read_text(encoding="utf-8"))[
    "reasons"
]


def _sources() -> set[str]:
    """Modules that hold code: not the empty fronts of packages."""
    return {
        dotted(path)
        for path, tree in modules("firewall", "audit")
        if any(not _is_docstring(node) for node in tree.body)
    }


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def _imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _through_their_faces(named: set[str]) -> set[str]:
    """Add what a tested module uses of its own package: private halves are tested through their face."""
    uses = {dotted(path): _imported(tree) for path, tree in modules("firewall", "audit")}
    tested, waiting = set(named), list(named)
    while waiting:
        face = waiting.pop()
        package = face if any(name.startswith(f"{face}.") for name in uses) else face.rpartition(".")[0]
        for name in uses.get(face, set()):
            if name in uses and name not in tested and name.startswith(f"{package}."):
                tested.add(name)
                waiting.append(name)
    return tested


@pytest.mark.timeout(600)  # it reads every module of the tests
def test_every_module_is_tested() -> None:
    """Each source module is tested by name or through its package's face, or untested.toml says why not."""
    named: set[str] = set()
    for path, tree in modules("tests"):
        if path.name.startswith("test_") or shown(path).startswith("tests/support/"):
            named |= _imported(tree)
    untested = _sources() - _through_their_faces(named)
    assert sorted(untested - set(_EXCUSED)) == []
    assert sorted(set(_EXCUSED) - untested) == []


def test_every_test_says_its_promise() -> None:
    """A test without a docstring promises nothing."""
    silent = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path, tree in modules("tests")
        if path.name.startswith("test_")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_every_test_can_fail() -> None:
    """A test that asserts nothing, expects no error and calls no checking helper is none."""
    empty = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path, tree in modules("tests")
        if path.name.startswith("test_")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not any(
            isinstance(inner, ast.Assert | ast.With | ast.AsyncWith | ast.Call) for inner in ast.walk(node)
        )
    ]
    assert empty == []


def test_every_data_case_is_played() -> None:
    """Each folder of tests/cases is named by some test: data that nobody reads promises nothing."""
    cases = ROOT / "tests/cases"
    folders = {path.relative_to(cases).parts[0] for path in files() if cases in path.parents}
    code = "\n".join(Path(path).read_text(encoding="utf-8") for path, _ in modules("tests"))
    assert (
        sorted(
            name
            for name in folders
            if f"cases/{name}" not in code and f"cases.{name}" not in code and f'"cases" / "{name}"' not in code
        )
        == []
    )
