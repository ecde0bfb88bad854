"""The arguments of a call in a Python program, by place or by name."""

import ast


def argument(node: ast.Call, place: int, name: str) -> ast.expr | None:
    """Return the argument with this name, else the one at this place; None where there is neither."""
    found = next((item.value for item in node.keywords if item.arg == name), None)
    return found if found is not None else node.args[place] if len(node.args) > place else None
