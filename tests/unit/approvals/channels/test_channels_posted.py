"""Where messages stand: kept over a restart, bounded, and never a reason to fail."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firewall.approvals.channels.posted import MOST, Posted


def test_what_stands_is_known_after_a_restart_until_it_ends(tmp_path: Path) -> None:
    """The file holds ids alone; what has ended is not in it."""
    path = tmp_path / "slack.json"
    posted = Posted(path)
    posted.put("apr_1", ("C1", "1.1"))
    posted.put("apr_2", ("C1", "2.2"))
    assert Posted(path).get("apr_1") == ("C1", "1.1")
    posted.drop("apr_1")
    again = Posted(path)
    assert (again.get("apr_1"), again.get("apr_2")) == (None, ("C1", "2.2"))
    assert [one.name for one in tmp_path.iterdir()] == ["slack.json"]


def test_the_oldest_goes_first() -> None:
    """A flood of approvals is no flood of memory."""
    posted = Posted()
    for number in range(MOST + 1):
        posted.put(f"apr_{number}", ("C1", str(number)))
    assert (posted.get("apr_0"), posted.get(f"apr_{MOST}")) == (None, ("C1", str(MOST)))


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"apr_1": 3}', '{"apr_1": ["C1"]}', "\x00"])
def test_a_file_that_is_none_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    """Torn, foreign or of another form: nothing is known, and the next message is kept."""
    path = tmp_path / "slack.json"
    path.write_text(text)
    posted = Posted(path)
    assert posted.get("apr_1") is None
    posted.put("apr_1", ("C1", "1.1"))
    assert Posted(path).get("apr_1") == ("C1", "1.1")


def test_where_nothing_can_be_written_it_is_known_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that is gone costs a second message after a restart, and nothing before."""
    posted = Posted(tmp_path / "gone" / "slack.json")
    posted.put("apr_1", ("C1", "1.1"))
    assert posted.get("apr_1") == ("C1", "1.1")
    assert "cannot keep where messages stand" in caplog.text


def test_a_surprise_while_it_is_kept_fails_no_message_and_leaves_no_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the keeping runs into, the message was posted: it is known, and half a file is put away."""

    def surprise(*_: object) -> None:
        raise RuntimeError("dictionary changed size during iteration")

    posted = Posted(tmp_path / "slack.json")
    with monkeypatch.context() as broken:
        broken.setattr(json, "dump", surprise)
        broken.setattr(json, "dumps", surprise)
        posted.put("apr_1", ("C1", "1.1"))
    assert posted.get("apr_1") == ("C1", "1.1")
    assert list(tmp_path.iterdir()) == []
    assert "cannot keep where messages stand: RuntimeError" in caplog.text


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless")
def test_many_threads_keep_what_stands_together(tmp_path: Path) -> None:
    """Four messages of a channel are posted at a time, each kept by a thread of its own."""
    path = tmp_path / "slack.json"
    posted = Posted(path)

    def thread(name: int) -> None:
        for number in range(60):
            posted.put(f"apr_{name}_{number}", ("C1", str(number)))
            if number % 3 == 0:
                posted.drop(f"apr_{name}_{number}")

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(thread, name) for name in range(8)]:
            done.result()
    stands = {
        f"apr_{name}_{number}": ["C1", str(number)] for name in range(8) for number in range(60) if number % 3
    }
    assert json.loads(path.read_text()) == stands
    assert all(posted.get(name) == tuple(place) for name, place in stands.items())
    assert [one.name for one in tmp_path.iterdir()] == ["slack.json"]
