"""Secrets by reference: read now, read anew when they change, never empty, never shown."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firewall import references
from firewall.core.errors import ConfigError
from firewall.core.secret import Secret
from firewall.references import reader_of
from firewall.settings.values import SecretRef


def test_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is read each time; one that is unset or empty is refused by its name."""
    monkeypatch.setenv("A_KEY", "one")
    read = reader_of(SecretRef(env="A_KEY"), "provider `a`")
    assert read().reveal() == "one"
    assert read() is read()
    monkeypatch.setenv("A_KEY", "two\u00e9")
    assert read().reveal() == "two\u00e9"
    monkeypatch.setenv("A_KEY", "")
    with pytest.raises(ConfigError, match="provider `a`") as refused:
        read()
    assert "A_KEY" in refused.value.hint
    with pytest.raises(ConfigError):
        reader_of(SecretRef(env="A_KEY"), "x")


def test_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A rotated file is used without a restart, also one replaced within the same instant."""
    path = tmp_path / "key"
    path.write_text("one\n")
    read = reader_of(SecretRef(file=str(path)), "x")
    assert read().reveal() == "one"
    before = path.stat()
    fresh = tmp_path / "fresh"
    fresh.write_text("two\n")
    fresh.replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read().reveal() == "two"


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n", b"\xff\xfe"])
def test_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty or unreadable file is an error at start, not an empty credential later."""
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="x"):
        reader_of(SecretRef(file=str(path)), "x")
    with pytest.raises(ConfigError):
        reader_of(SecretRef(file=str(tmp_path / "none")), "x")


def test_file_that_vanishes_is_an_error_later(tmp_path: Path) -> None:
    """A secret that can no longer be read is not used from memory."""
    path = tmp_path / "key"
    path.write_text("one")
    read = reader_of(SecretRef(file=str(path)), "x")
    path.unlink()
    with pytest.raises(ConfigError):
        read()


def test_command_is_run_once_a_minute(tmp_path: Path) -> None:
    """What a command prints is the secret; it is not run for every call."""
    count = tmp_path / "count"
    code = f"open({str(count)!r}, 'a').write('x'); print('printed')"
    read = reader_of(SecretRef(command=(sys.executable, "-c", code)), "x")
    assert [read().reveal() for _ in range(3)] == ["printed"] * 3
    assert count.read_text() == "x"


def test_command_is_run_anew_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotated secret is taken up without anybody waiting; one that cannot be renewed is given up in time."""
    value = tmp_path / "value"
    value.write_text("one")
    read = reader_of(SecretRef(command=("cat", str(value))), "x")
    monkeypatch.setattr(references, "_KEPT_S", -1.0)
    value.write_text("two")
    seen = _until(read, "two")
    assert seen in (["two"], ["one", "two"])
    value.unlink()
    monkeypatch.setattr(references, "_STALE_S", -1.0)
    with pytest.raises(ConfigError, match="x"):
        _until(read, "never")


def _until(read: Callable[[], Secret], wanted: str) -> list[str]:
    """Read until the secret is the wanted one; returns the distinct values seen, in order."""
    seen: list[str] = []
    for _ in range(500):
        value = read().reveal()
        if value not in seen:
            seen.append(value)
        if value == wanted:
            return seen
        time.sleep(0.01)
    raise AssertionError(f"only {seen}")


@pytest.mark.parametrize(
    "command",
    [("/no/such/program",), (sys.executable, "-c", "raise SystemExit(3)"), (sys.executable, "-c", "print()")],
    ids=["missing", "fails", "prints nothing"],
)
def test_command_that_gives_nothing_is_refused(command: tuple[str, ...]) -> None:
    """A command that fails or prints nothing is no secret; the hint names the program alone."""
    with pytest.raises(ConfigError) as refused:
        reader_of(SecretRef(command=command), "x")
    assert command[0] in refused.value.hint
    assert "SystemExit" not in refused.value.hint


def test_secret_is_not_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read shows itself as a fingerprint."""
    monkeypatch.setenv("A_KEY", "canary-secret-value")
    secret = reader_of(SecretRef(env="A_KEY"), "x")()
    assert "canary" not in f"{secret!r} {secret}"
