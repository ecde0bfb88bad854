"""What an approval is bound to: change anything that matters and the digest is another."""

from dataclasses import replace

import pytest

from firewall.core.action import Action
from firewall.core.digest import call_digest
from firewall.core.effect import Effect

ACTION = Action("shell:rm", "Bash", "file:/srv/data", "staging", (Effect.DESTRUCTIVE,), "removes it")
BOUND: dict[str, object] = {
    "principal": "alice/claude",
    "session": "s1",
    "target": "",
    "arguments": b'{"command":"rm -rf /srv/data"}',
    "workspace": "/work/app",
    "actions": (ACTION,),
    "files": {"/work/app/x.sh": "ab"},
    "tool_schema": "cd",
    "rows": ["policy.csv:12 ttl=600s"],
}
CHANGED: dict[str, object] = {
    "principal": "alice/codex",
    "session": "s2",
    "target": "railway",
    "arguments": b'{"command":"rm -rf /srv/data "}',
    "workspace": "/work",
    "actions": (replace(ACTION, environment="production"),),
    "files": {"/work/app/x.sh": "ac"},
    "tool_schema": "ce",
    "rows": ["policy.csv:12 ttl=60s"],
}


@pytest.mark.parametrize("name", BOUND)
def test_every_bound_part_changes_the_digest(name: str) -> None:
    """Principal, session, target, arguments, workspace, actions, files, schema and rows are all bound."""
    assert call_digest(**BOUND | {name: CHANGED[name]}) != call_digest(**BOUND)  # type: ignore[arg-type]  # rows


def test_what_is_only_shown_is_not_bound() -> None:
    """Summaries and evidence may be worded differently without voiding an approval."""
    reworded = (replace(ACTION, summary="deletes it for good", undo="none"),)
    assert call_digest(**BOUND | {"actions": reworded}) == call_digest(**BOUND)  # type: ignore[arg-type]  # rows
