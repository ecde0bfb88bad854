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
