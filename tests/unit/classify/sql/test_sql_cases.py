"""Recorded SQL: what each statement of each dialect does, as data."""

from collections import Counter

from firewall.classify.sql.dialects import dialect_named
from firewall.classify.text import actions_of_input
from firewall.core.effect import ordered
from tests.support.understanding import cases, shipped_context

ROWS = cases("sql")


def test_recorded_effects() -> None:
    """Every recorded statement has exactly the effects that its row says, in one action."""
    wrong = []
    for row in ROWS:
        actions = actions_of_input("sql", str(row["input"]), shipped_context(), dialect=str(row["dialect"]))
        effects = [effect.value for effect in ordered(effect for action in actions for effect in action.effects)]
        if effects != row["effects"] or len(actions) != 1:
            wrong.append((row["dialect"], row["input"], row["effects"], effects))
    assert wrong == []


def test_recorded_dialects() -> None:
    """The rows hold hundreds of statements, and every dialect that has a vendor's own grammar."""
    counts = Counter(str(row["dialect"]) for row in ROWS)
    assert sum(counts.values()) >= 700
    assert {name for name in counts if name and dialect_named(name) is None} == set()
    for name in ("ansi", "postgres", "mysql", "tsql", "bigquery", "snowflake", "redshift", "oracle", "sqlite"):
        assert counts[name] >= 20, name


def test_recorded_effects_of_every_kind() -> None:
    """Every effect that SQL can have is among the rows."""
    assert {str(effect) for row in ROWS for effect in row["effects"]} == {  # type: ignore[attr-defined]  # a list in the file
        "read",
        "write",
        "disruptive",
        "destructive",
        "privilege",
        "secret",
        "exfil",
        "exec",
        "unknown",
    }
