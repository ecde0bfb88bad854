"""Every node of a program in the order of `ast.walk`, found once for all who look through them."""

import ast
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Nodes:
    """A program's nodes."""

    every: list[ast.AST]
    """The program itself first. What the parser makes once for all (`Load`) stands here as often as it is used."""
    parents: dict[int, ast.AST]
    """By a node's id: what it stands in."""

    @property
    def tree(self) -> ast.AST:
        """The program."""
        return self.every[0]


def nodes_of(tree: ast.AST, most: int) -> Nodes | None:
    """Return the nodes of a program; None where it has `most` or more."""
    every, parents = [tree], dict[int, ast.AST]()
    for node in every:  # grows on the way
        if not node._fields:
            continue
        for child in ast.iter_child_nodes(node):
            parents[id(child)] = node
            every.append(child)
        if len(every) >= most:
            return None
    return Nodes(every, parents)
