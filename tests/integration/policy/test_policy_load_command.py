"""`stayhand policy load` against a real HTTP server that answers as the control listener does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from firewall.cli.main import main
from firewall.core.token import TokenKind, spell

_TOKEN = spell("control", TokenKind.ADMIN, bytes(range(32)))


class _Control(HTTPServer):
    """Answers one way and remembers what was asked."""

    status = 200
    answer: dict[str, object]
    asked: list[tuple[str, str, str]]


class _Handler(BaseHTTPRequestHandler):
    server: _Control

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.asked.append(("POST", self.path, self.headers.get("authorization", "")))
        body = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Control]:
    """Run a control listener and point the configuration at it."""
    with _Control(("127.0.0.1", 0), _Handler) as server:
        server.answer, server.asked = {"policy": "d1ge57", "status": "loaded"}, []
        config = tmp_path / "stayhand.toml"
        config.write_text(f'[server]\ncontrol_listen = "127.0.0.1:{server.server_port}"\n', encoding="utf-8")
        monkeypatch.setenv("STAYHAND_CONFIG", str(config))
        monkeypatch.setenv("STAYHAND_TOKEN", _TOKEN)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_load_asks_the_server_with_the_credential(control: _Control, capsys: pytest.CaptureFixture[str]) -> None:
    """One POST with the admin token; the digest that is now in force goes to stdout."""
    main(["policy", "load"])
    assert capsys.readouterr().out == "loaded d1ge57\n"
    assert control.asked == [("POST", "/api/policy/load", f"Bearer {_TOKEN}")]


def test_load_as_json(control: _Control, capsys: pytest.CaptureFixture[str]) -> None:
    """--json gives the server's answer as it is."""
    main(["policy", "load", "--json"])
    assert json.loads(capsys.readouterr().out) == control.answer


def test_refused_load_is_exit_1(control: _Control, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal leaves stdout empty, says why on stderr, and exits 1."""
    control.status = 422
    control.answer = {"error": {"message": "policy.csv:3: there is no effect `reed`", "code": "policy_refused"}}
    with pytest.raises(SystemExit) as ended:
        main(["policy", "load"])
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out) == (1, "")
    assert "policy.csv:3" in shown.err


FLIP = {"was": "allow", "then": "ask", "count": 2, "summary": "lists `.`\u202e", "entry": 7}
SIMULATED = {
    "flipped": 2, "calls": 5, "back_to": "2026-11-21T12:00:00Z", "flips": [FLIP], "more_flips": 3, "whole": False,
    "closed": 1, "approvals_a_day_now": "0.5", "approvals_a_day_then": "2.0",
}  # fmt: skip


def test_simulate_sends_rows_and_says_what_would_flip(
    control: _Control, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One line a flip on stdout, figures and what was left out on stderr; hidden characters are spelled out."""
    control.answer = SIMULATED
    rows = tmp_path / "other.csv"
    rows.write_text("p, *, *, *, *, *, , ask,\n", encoding="utf-8")
    main(["policy", "simulate", str(rows), "--days", "30"])
    out, err = capsys.readouterr()
    assert out == "allow -> ask  x2  lists `.`⟦U+202E⟧  (entry 7)\nand 3 more kinds of calls\n"
    assert "2 of 5 calls since 2026-11-21T12:00:00Z would be judged otherwise" in err
    assert "approvals a day: 2.0 instead of 0.5" in err
    assert "1 calls cannot be opened" in err
    assert control.asked[0][:2] == ("POST", "/api/policy/simulate")
    main(["policy", "simulate", str(rows), "--json"])
    assert json.loads(capsys.readouterr().out)["flips"] == [FLIP]


def test_simulate_wants_a_file_that_can_be_read(
    control: _Control, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing is asked of the server."""
    with pytest.raises(SystemExit) as ended:
        main(["policy", "simulate", str(tmp_path / "none.csv")])
    assert ended.value.code == 1
    assert "cannot be read" in capsys.readouterr().err
    assert control.asked == []
