"""The first command that a newcomer types, on machines where it cannot work yet."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]


def _make(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    shutil.copy(_ROOT / "Makefile", folder)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (folder / lock).write_text("")
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=140, check=False
    )


def _python(folder: Path, body: str) -> str:
    file = folder / "python3-test"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


@pytest.mark.parametrize("target", ["run", "demo", "test", "check"])
def test_missing_venv_gives_the_line_that_installs_it(tmp_path: Path, target: str) -> None:
    """Without python3-venv make prints one command to paste, changes nothing and fails."""
    fake = _python(tmp_path, 'case "$*" in *ensurepip*) exit 1;; esac; exit 0')
    done = _make(tmp_path, target, f"PYTHON={fake}")
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == "apt-get install -y python3-venv"
    assert done.stdout == ""
    assert not (tmp_path / ".venv").exists()


def test_an_old_python_is_named(tmp_path: Path) -> None:
    """A Python before 3.11 is refused with what to do instead."""
    fake = _python(tmp_path, 'case "$*" in *version_info*) exit 1;; esac; exit 0')
    done = _make(tmp_path, "run", f"PYTHON={fake}")
    assert done.returncode != 0
    assert "3.11" in done.stderr


def test_the_launcher_ignores_where_it_is_called(tmp_path: Path) -> None:
    """`stayhand` runs our code even in a folder that holds a `firewall` of its own, without any HOME."""
    done = _make(tmp_path, ".venv/.runtime")
    assert done.returncode == 0, done.stderr
    ours = tmp_path / "firewall" / "cli"
    ours.mkdir(parents=True)
    (ours.parent / "__init__.py").touch()
    (ours / "__init__.py").touch()
    (ours / "entry.py").write_text("import sys\nprint('ours', sys.argv[1:])\n")
    trap = tmp_path / "workspace"
    (trap / "firewall").mkdir(parents=True)
    (trap / "firewall" / "__init__.py").write_text("raise SystemExit('trapped')\n")
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "stayhand"
    link.symlink_to(tmp_path / ".venv/bin/stayhand")
    ran = subprocess.run(
        [link, "serve", "a b"],
        cwd=trap,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("ours ['serve', 'a b']\n", "")


def test_a_second_call_does_nothing(tmp_path: Path) -> None:
    """Once installed, make starts at once; a changed lock installs anew."""
    assert _make(tmp_path, ".venv/.runtime").returncode == 0
    again = subprocess.run(["make", "-q", ".venv/.runtime"], cwd=tmp_path, timeout=60, check=False)
    assert again.returncode == 0
    later = (tmp_path / ".venv/.runtime").stat().st_mtime + 10
    os.utime(tmp_path / "requirements.lock", (later, later))
    changed = subprocess.run(["make", "-q", ".venv/.runtime"], cwd=tmp_path, timeout=60, check=False)
    assert changed.returncode == 1


def test_help_names_every_target(tmp_path: Path) -> None:
    """`make` alone lists what there is."""
    done = _make(tmp_path)
    named = {line.split()[1] for line in done.stdout.splitlines()}
    assert named >= {"help", "run", "demo", "test", "check", "fix", "e2e", "bench", "lock"}
