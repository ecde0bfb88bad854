"""What an installed hook starts: nothing of the agent's folder or variables gets in between."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firewall.cli import hook_main
from firewall.cli.hook import program
from firewall.codecs.hooks.shapes import denied


def _said(*words: str, cwd: Path, **variables: str) -> bytes:
    done = subprocess.run(
        [*program(), *words], cwd=cwd, env=variables, input=b"{}", capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def test_a_module_of_the_agents_folder_is_not_imported(tmp_path: Path) -> None:
    """What lies in the working folder, or where PYTHONPATH leads, never runs in the hook."""
    for name in ("json", "socket", "firewall", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("import os\nos.write(1, b'allowed')\nos._exit(0)\n")
    said = _said("hook", "claude-code", cwd=tmp_path, PYTHONPATH=str(tmp_path), PYTHONHOME=str(tmp_path))
    reason = json.loads(said)["hookSpecificOutput"]["permissionDecisionReason"]
    assert "no token" in reason
    assert said == denied("claude-code", reason)


@pytest.mark.parametrize("words", [(), ("hook",), ("else", "codex"), ("hook", "nobody"), ("hook", "codex", "--x")])
def test_anything_else_is_a_denial(words: tuple[str, ...], tmp_path: Path) -> None:
    """A line that was mangled lets nothing run."""
    assert b"was not run" in _said(*words, cwd=tmp_path)


def test_the_program_is_named_in_full() -> None:
    """No search for programs decides which one an agent starts."""
    assert program() == (sys.executable, "-I", "-S", hook_main.__file__)
    assert all(Path(word).is_absolute() for word in (program()[0], program()[-1]))
