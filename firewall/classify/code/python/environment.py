"""Environment variables that a Python program reads and sets: credentials, and what makes programs run code."""

import ast

from firewall.classify.code.python.scope import Scope
from firewall.classify.code.python.sight import Sight
from firewall.classify.code.python.values import text_of
from firewall.classify.draft import Draft, shown
from firewall.core.effect import Effect


def variable(name: ast.expr | None, scope: Scope, sight: Sight, node: ast.AST, *, is_set: bool) -> None:
    """Judge one environment variable: a credential that is read, a name that makes programs run code."""
    text = text_of(name, scope)
    variables = sight.context.catalogue.variables
    if text is None:
        sight.opaque(node, "an environment variable whose name is not known", unknown=True)
    elif is_set:
        if variables.running.fullmatch(text):
            sight.opaque(node, f"sets {shown(text)}, which makes programs run code", unknown=True)
    elif variables.secret.fullmatch(text.upper()) and not variables.plain.fullmatch(text):
        sight.secret(text, node)


def whole_environment(node: ast.AST, parent: ast.AST | None, sight: Sight) -> None:
    """Judge `os.environ` taken as a whole: all its credentials go with it, but to a program of one's own."""
    if isinstance(parent, ast.Subscript) or (isinstance(parent, ast.keyword) and parent.arg == "env"):
        return
    if isinstance(parent, ast.Compare | ast.For | ast.comprehension):
        return
    draft = Draft("env:read", "variable:*", effects={Effect.SECRET}, summary="reads all environment variables")
    sight.add(draft, node, "all environment variables, credentials among them")
