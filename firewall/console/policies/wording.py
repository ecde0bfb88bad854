"""A policy row in a plain sentence; the row itself stands beside it. Pure."""

from firewall.policy.rows import ANY, ELSEWHERE, Row, Word

_PLACES = {
    ANY: "anywhere",
    "local": "in the workspace",
    "unresolved": "where nobody can say which environment it is",
    ELSEWHERE: "outside the workspace",
}
_EFFECTS = {
    "read": "reading",
    "write": "changes that can be put back",
    "disruptive": "interrupting a service",
    "destructive": "what destroys",
    "privilege": "changes of who may do what",
    "secret": "what returns credentials",
    "exfil": "sending data outside",
    "exec": "running code that cannot be seen into",
    "unknown": "what is not understood",
    ANY: "everything",
}
_VERBS = {Word.ALLOW: "lets through", Word.ASK: "asks people about", Word.DENY: "refuses"}


def words_of(row: Row) -> str:
    """Say what a row does: who, what, where, when; what it demands is said apart."""
    what = _EFFECTS[row.effect]
    if row.effect == ANY and row.word is Word.ALLOW:
        what = "everything that is understood"
    parts = [
        _VERBS[row.word],
        what,
        "" if row.tool == ANY else f"by `{row.tool}`",
        "" if row.resource == ANY else f"on `{row.resource}`",
        _PLACES.get(row.environment) or f"in `{row.environment}`",
        "" if row.role == ANY else f"for the role `{row.role}`",
        f"if `{row.when}`" if row.when else "",
    ]
    return " ".join(part for part in parts if part)
