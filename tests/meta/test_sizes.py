"""Nothing grows beyond what a reader can hold."""

import ast

from tests.meta.tree import modules, shown

_FILE_LINES = 500
_TEST_FILE_LINES = 600
_FUNCTION_LINES = 60


def test_files_stay_readable() -> None:
    """No source file passes 500 lines, no test file 600."""
    long = [
        f"{shown(path)}: {count}"
        for path, _ in modules("firewall", "audit", "tests")
        if (count := path.read_text(encoding="utf-8").count("\n"))
        > (_TEST_FILE_LINES if shown(path).startswith("tests/") else _FILE_LINES)
    ]
    assert long == []


def test_functions_stay_readable() -> None:
    """No function passes 60 lines."""
    long = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path, tree in modules("firewall", "audit", "tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > _FUNCTION_LINES
    ]
    assert long == []
