"""Which words a room of the house gives its errors: read from its source, wherever they are written as such."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.meta.tree import ROOT


def codes_in(*rooms: str) -> dict[str, str]:
    """Return every word that these files and folders give an error, with the file that does.

    Found are `code="…"` of calls and of classes, `{"code": "…"}`, and what is handed to a function of the same
    file under a parameter that is called `code`, defaults included.
    """
    found: dict[str, str] = {}
    for room in rooms:
        place = ROOT / room
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            for word in _codes(path):
                found.setdefault(word, str(path.relative_to(ROOT)))
    return found


def _codes(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    takers = {
        node.name: [one.arg for one in node.args.args].index("code")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and "code" in [one.arg for one in node.args.args]
    }
    for node in ast.walk(tree):
        yield from (
            value.value for value in _given(node, takers) if isinstance(value, ast.Constant) if value.value
        )


def _given(node: ast.AST, takers: dict[str, int]) -> Iterator[ast.expr | None]:
    """Yield what stands where a code is expected."""
    match node:
        case ast.Call():
            yield from (word.value for word in node.keywords if word.arg == "code")
            if isinstance(node.func, ast.Name) and node.func.id in takers:
                yield from node.args[takers[node.func.id] :][:1]
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            yield from (value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "code")
        case ast.ClassDef():
            for inner in node.body:
                if isinstance(inner, ast.Assign | ast.AnnAssign):
                    names = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                    if any(isinstance(name, ast.Name) and name.id == "code" for name in names):
                        yield inner.value
        case ast.FunctionDef(args=args):
            yield from (
                value
                for name, value in zip(reversed(args.args), reversed(args.defaults), strict=False)
                if name.arg == "code"
            )
            yield from (
                value for name, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if name.arg == "code"
            )
        case _:
            pass
