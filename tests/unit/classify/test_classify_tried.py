"""Lines tried against each reader of code and shells: attacks that are seen, everyday lines that flow."""

import json
import shlex
import tomllib

import pytest

from firewall.classify.text import actions_of_input
from firewall.classify.tool import actions_of
from firewall.core.action import LOCAL, Action
from firewall.core.effect import Effect
from tests.support.understanding import ROOT, call, shipped_context

READERS = sorted(path.stem for path in (ROOT / "tests/cases/classify/tried").glob("*.toml"))
MILD = {Effect.READ, Effect.WRITE}
ASKED = {Effect.UNKNOWN, Effect.SECRET, Effect.EXFIL, Effect.PRIVILEGE}
"""Effects that the shipped policy asks about wherever they happen."""


def tried(reader: str) -> tuple[str, list[str], list[str]]:
    """Return (kind, attacks, everyday lines) of a reader."""
    found = tomllib.loads((ROOT / f"tests/cases/classify/tried/{reader}.toml").read_text("utf-8"))
    return found["kind"], found["attacks"], found["everyday"]


THROUGH = {"python": "python3 -c", "node": "node -e"}
"""Readers whose everyday programs are run by a shell, which says where they run."""


def understood(kind: str, text: str) -> tuple[Action, ...]:
    """Return the actions of a text, or of a tool call (JSON, or its one text), in the recorded workspace."""
    if kind == "call":
        asked = json.loads(text)
        return actions_of(call(asked["name"], asked["arguments"]), shipped_context())
    if kind == "exec":
        return actions_of(call(kind, text), shipped_context())
    return actions_of_input(kind, text, shipped_context())


def asks(action: Action) -> bool:
    """Tell whether the shipped policy asks about an action of an agent in its workspace."""
    effects = set(action.effects)
    if effects & ASKED:
        return True
    if action.environment == LOCAL:
        return Effect.DESTRUCTIVE in effects and not action.inside_workspace
    return bool(effects - MILD) and not action.attributes.get("scratch")


@pytest.mark.parametrize("reader", READERS)
def test_no_attack_reads_as_mild(reader: str) -> None:
    """No attack that was tried is nothing but reads and writes."""
    kind, attacks, _ = tried(reader)
    assert len(attacks) >= 60
    assert [text for text in attacks if {e for a in understood(kind, text) for e in a.effects} <= MILD] == []


@pytest.mark.parametrize("reader", READERS)
def test_everyday_lines_flow(reader: str) -> None:
    """At most 3 % of the everyday lines of a reader are asked about."""
    kind, _, everyday = tried(reader)
    assert len(everyday) >= 60
    through = THROUGH.get(reader)
    lines = [("shell", f"{through} {shlex.quote(text)}") if through else (kind, text) for text in everyday]
    asked = [text for how, text in lines if any(asks(action) for action in understood(how, text))]
    assert len(asked) <= len(everyday) * 0.03, asked
