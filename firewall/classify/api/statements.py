"""Where a request holds SQL: the arguments that a rule names, or the body itself.

A rule's `sql` names dotted arguments. `a|b` reads every one that is there; `@body` is the body as text; `a+@body`
is both as one text, as servers read it that take a statement's beginning in the address and its rest in the body.
The body behind an INSERT is data, and no statement.
"""

import re
from collections.abc import Mapping

from firewall.classify.api.predicates import text_at

BODY = "@body"
_INSERT = re.compile(r"\s*+insert\s", re.IGNORECASE)


def statements(where: str, arguments: Mapping[str, object], body: str) -> str:
    """Return the SQL of a request; empty: there is none, or it is not seen."""
    found = (_joined(one, arguments, body) for one in where.split("|"))
    return ";\n".join(filter(None, found))


def _joined(where: str, arguments: Mapping[str, object], body: str) -> str:
    first, plus, _ = where.partition("+")
    if not plus:
        return body if where == BODY else text_at(where, arguments)
    text = text_at(first, arguments)
    return text if text and _INSERT.match(text) else f"{text}\n{body}".strip()
