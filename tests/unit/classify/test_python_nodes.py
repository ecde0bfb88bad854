"""A Python program's nodes, found once."""

import ast

import pytest

from firewall.classify.code.python.nodes import nodes_of

_PROGRAM = """
import os
def f(a, *b):
    return [x + 1 for x in a if x]
class C:
    y: int = f(1)
os.environ['A'] = f'{C}'
"""


@pytest.mark.parametrize("text", ["", "1", _PROGRAM])
def test_nodes_come_in_the_order_of_walk_with_what_they_stand_in(text: str) -> None:
    """Whoever looks through them sees what `ast.walk` shows, and the parent that is named last."""
    tree = ast.parse(text)
    nodes = nodes_of(tree, 1000)
    assert nodes is not None
    assert nodes.tree is tree
    assert nodes.every == list(ast.walk(tree))
    assert nodes.parents == {id(child): one for one in ast.walk(tree) for child in ast.iter_child_nodes(one)}


def test_a_program_of_too_many_nodes_has_none() -> None:
    """The bound is met exactly: one node less than it is read."""
    tree = ast.parse(_PROGRAM)
    size = len(list(ast.walk(tree)))
    assert nodes_of(tree, size) is None
    assert nodes_of(tree, size + 1) is not None
    assert nodes_of(ast.parse(""), 1) is None
