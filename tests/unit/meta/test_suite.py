"""The runner of all parts: bounded, talkative, and never green by accident."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings

from tests import suite
from tests.suite import Part


def _part(code: str, bound_s: int = 20) -> Part:
    return Part("one", "one", (sys.executable, "-c", code), bound_s)


def test_a_part_passes_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Zero passes; anything else fails, and 5 (nothing collected) is no exception."""
    assert suite.run(_part("raise SystemExit(0)"))
    assert not suite.run(_part("raise SystemExit(5)"))
    assert "FAILED (exit 5)" in capsys.readouterr().out


def test_a_part_is_bounded_and_ends_what_it_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A part over its bound fails and its children die with it."""
    note = tmp_path / "child"
    child = f"import os, pathlib, time; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert not suite.run(_part(code, bound_s=5))
    assert "over 5 s" in capsys.readouterr().out
    assert _is_over(int(note.read_text()))


def _is_over(pid: int) -> bool:
    """Tell whether a killed process ends within ten seconds; one that nobody has collected yet has ended too."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in {"Z", "X"}:
            return True
        time.sleep(0.1)
    return False


def test_a_part_says_that_it_lives(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """While a part is silent, a line tells how long it has run."""
    monkeypatch.setattr(suite, "_HEARTBEAT_S", 0.05)
    assert suite.run(_part("import time; time.sleep(0.4)"))
    assert "s of at most 20" in capsys.readouterr().out


def test_one_failure_fails_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 1 when any part failed, and later parts still run."""
    monkeypatch.setattr(suite, "PARTS", (_part("raise SystemExit(1)"), _part("")))
    assert suite.main([]) == 1
    monkeypatch.setattr(suite, "PARTS", (_part(""),))
    assert suite.main(["one"]) == 0
    assert suite.main(["two"]) == 2


def test_all_parts_fit_into_the_promised_time() -> None:
    """Part bounds are guards against a hang on a busy machine; together they end within an hour and a half."""
    assert max(part.bound_s for part in suite.PARTS) <= 1400
    assert sum(part.bound_s for part in suite.PARTS) <= 90 * 60
    assert {"check", "unit", "fuzz", "integration", "e2e"} == {part.group for part in suite.PARTS}


def test_no_test_is_left_out() -> None:
    """Every folder that holds tests belongs to a part, and every folder that a part names holds some."""
    tests = Path(suite.__file__).parent
    holding = {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")}
    named = {
        word.removeprefix("tests/") for part in suite.PARTS for word in part.command if word.startswith("tests/")
    }
    assert holding - {"bench"} == named


@pytest.mark.parametrize(("required", "code"), [("", 0), ("agents,browser", 1)])
@pytest.mark.parametrize(
    "skipping",
    [
        "import pytest\n\ndef test_a():\n    pytest.skip('no node')\n",
        "import pytest\n\npytestmark = pytest.mark.skip('no node')\n\ndef test_a():\n    pass\n",
        "import pytest\n\npytest.skip('no node', allow_module_level=True)\n",
    ],
    ids=["inside", "mark", "file"],
)
def test_a_skip_is_a_failure_where_everything_is_required(
    tmp_path: Path, skipping: str, required: str, code: int
) -> None:
    """A newcomer sees a skip with its reason; the full run fails on it, however it is written."""
    (tmp_path / "test_it.py").write_text(skipping)
    (tmp_path / "test_other.py").write_text("def test_b():\n    assert True\n")
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rs"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root), "STAYHAND_REQUIRE": required},
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )
    assert done.returncode in ({0} if code == 0 else {1, 2}), done.stdout
    assert "no node" in done.stdout


def test_no_property_asserts_a_time() -> None:
    """Neither an example's time nor that of drawing it is judged; the full run takes the same each time."""
    for name in ("stayhand", "stayhand-full"):
        profile = settings.get_profile(name)
        assert profile.deadline is None
        assert HealthCheck.too_slow in profile.suppress_health_check
    assert settings.get_profile("stayhand-full").derandomize
    assert settings.get_profile("stayhand-full").database is None
    full = bool(os.environ.get("STAYHAND_REQUIRE"))
    assert settings.get_current_profile_name() == ("stayhand-full" if full else "stayhand")


def test_no_property_takes_its_own_time() -> None:
    """What a property says of deadlines and health checks replaces the profile's: it repeats what matters here."""
    own = re.compile(r"(?<!\w)(deadline|suppress_health_check)=((?:\[[^]]*\]|[^,)\n])+)")
    tests = Path(suite.__file__).parent
    odd = [
        f"{path.relative_to(tests)}: {hit[0]}"
        for path in tests.rglob("test_*.py")
        if "from hypothesis import" in (text := path.read_text("utf-8")) and path != Path(__file__)
        for settled in re.finditer(r"(?<!\w)settings\(((?:[^()]|\([^()]*\))*)\)", text)
        for hit in own.finditer(settled[1])
        if not (hit[2].strip() == "None" or "too_slow" in hit[2] or hit[2].strip().startswith("list(HealthCheck"))
    ]
    assert odd == []


def test_a_tests_own_request_waits_for_its_answer() -> None:
    """Httpx gives up after five seconds where nobody says otherwise: on a busy machine that is soon."""
    assert httpx.Client().timeout == httpx.AsyncClient().timeout == httpx.Timeout(60.0)
