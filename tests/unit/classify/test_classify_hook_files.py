"""Every file that `stayhand hook install` writes is a configuration to the classifier."""

from pathlib import Path

import pytest

from firewall.classify.tool import actions_of
from firewall.cli.hook_setup import place_of
from firewall.codecs.hooks.shapes import AGENTS
from firewall.core.effect import Effect
from tests.support.understanding import HOME, WORKSPACE, call, shipped_context

MOVED = {
    "CODEX_HOME": f"{HOME}/a/.codex",
    "CLAUDE_CONFIG_DIR": f"{HOME}/a/.claude",
    "XDG_CONFIG_HOME": f"{HOME}/xdg",
    "GEMINI_CLI_HOME": f"{HOME}/g",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_writing_hooks_is_privilege(agent: str) -> None:
    """Written, edited, or written from a shell, of a user, a project or where a variable says: privilege."""
    home, project = Path(HOME), Path(WORKSPACE)
    places = {
        place_of(agent, home=home, project=None, environ={}),
        place_of(agent, home=home, project=project, environ={}),
        place_of(agent, home=home, project=None, environ=MOVED),
    }
    for path in (folder / file for folder, file in places):
        for asked in (
            call("Write", {"file_path": str(path), "content": "{}"}),
            call("Edit", {"file_path": str(path), "old_string": "a", "new_string": "b"}),
            call("Bash", {"command": f"echo x > {path}"}),
            call("Bash", {"command": f"rm {path}"}),
        ):
            effects = {effect for action in actions_of(asked, shipped_context()) for effect in action.effects}
            assert Effect.PRIVILEGE in effects, (path, asked)
