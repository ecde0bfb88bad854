"""A guard that is installed here, asked as Claude Code asks its PreToolUse hooks: one process a command.

The program gets {"hook_event_name", "tool_name": "Bash", "tool_input": {"command"}, …} on its standard input. It
stops a command by exit code 2, or by `hookSpecificOutput.permissionDecision` of `deny` or `ask`
(docs.anthropic.com, hooks reference). Whatever else it does lets the command pass, as it would for the agent.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence

from firewall.core.effect import Effect
from tests.classify_report.carried import KINDS, command
from tests.classify_report.labelled import Case
from tests.classify_report.scores import Answer

TIMEOUT_S = 10


def answers(cases: Sequence[Case], program: Sequence[str]) -> Mapping[str, Answer]:
    """Return what a program says of every case that a shell line carries: stopped or not.

    Raises: OSError when the program cannot be started.
    """
    return {
        case.id: (Effect.DESTRUCTIVE,) if _stops(program, command(case)) else (Effect.READ,)
        for case in cases
        if case.kind in KINDS
    }


def _stops(program: Sequence[str], line: str) -> bool:
    asked = {
        "hook_event_name": "PreToolUse",
        "session_id": "classify-report",
        "cwd": "/home/dev/app",
        "tool_name": "Bash",
        "tool_input": {"command": line},
    }
    try:
        done = subprocess.run(
            program, input=json.dumps(asked), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode == 2:
        return True
    try:
        said = json.loads(done.stdout or "{}")
    except ValueError:
        return False
    decided = said.get("hookSpecificOutput") if isinstance(said, dict) else None
    return isinstance(decided, dict) and decided.get("permissionDecision") in ("deny", "ask")
