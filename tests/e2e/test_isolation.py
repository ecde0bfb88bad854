"""`stayhand run --isolate`: what an agent can still reach, tried by real programs in a real network of its own."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tests.support.installation import REPOSITORY, Served, install, serving
from tests.support.upstreams import proxy_of

LIMIT_S = 60
_EGRESS = '\n[egress]\nlisten = "127.0.0.1:0"\n'
SCRIPT = r"""
curl -sS -m 5 --noproxy '*' -o /dev/null {control}/healthz && echo control-reached
curl -sS -m 5 --noproxy '*' -o /dev/null http://127.0.0.1:{other}/ && echo other-reached
python3 -c 'import socket; socket.create_connection(("192.0.2.1", 80), 3)' && echo network-reached
python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("{unix}")' && echo socket-reached
ls {data} | grep -q . && echo data-read
curl -sS -m 9 --noproxy '*' -o /dev/null -w 'agents:%{{http_code}}\n' -H "x-api-key: $OPENAI_API_KEY" \
  {agents}/v1/models
curl -sS -m 10 -o /dev/null -w 'proxy:%{{http_connect}}\n' https://evil.example/
echo note > made-inside
exit 7
"""


def _permitted() -> bool:
    program = shutil.which("bwrap")
    if program is None:
        return False
    trial = [
        program,
        "--unshare-net",
        "--unshare-pid",
        "--bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "true",
    ]
    return subprocess.run(trial, capture_output=True, timeout=LIMIT_S, check=False).returncode == 0


def _run(
    firewall: Served, config: Path, home: Path, *words: str, path: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "firewall.cli.main", "--config", str(config), "run", *words],
        cwd=home,
        env={
            "PATH": path or os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(REPOSITORY),
            "STAYHAND_TOKEN": firewall.installed.shown["admin_token"],
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def _config(firewall: Served) -> Path:
    """Return the configuration with the ports in use, the forward proxy's included."""
    path = firewall.at_its_ports()
    path.write_text(path.read_text().replace("127.0.0.1:0", proxy_of(firewall).removeprefix("http://")))
    return path


def test_only_the_firewall_is_reachable(tmp_path: Path) -> None:
    """Neither the network, another port, a socket, the control side nor our files; or it is refused."""
    home = tmp_path / "home"
    home.mkdir()
    installed = install(tmp_path, settings=_EGRESS)
    with serving(installed) as firewall, socket.socket() as other, socket.socket(socket.AF_UNIX) as unix:
        other.bind(("127.0.0.1", 0))
        other.listen()
        unix.bind(str(home / "agent.sock"))
        unix.listen()
        script = SCRIPT.format(
            control=firewall.control,
            agents=firewall.agents,
            other=other.getsockname()[1],
            unix=home / "agent.sock",
            data=installed.shown["data_dir"],
        )
        done = _run(firewall, _config(firewall), home, "--isolate", "--", "sh", "-c", script)
    if not _permitted():
        assert (done.returncode, "--isolate" in done.stderr) == (1, True), done.stderr
        return
    assert "agents:200" in done.stdout, done.stdout + done.stderr
    assert "proxy:403" in done.stdout, done.stdout + done.stderr
    assert "reached" not in done.stdout
    assert "data-read" not in done.stdout
    assert (home / "made-inside").read_text() == "note\n"
    assert done.returncode == 7


def test_without_isolation_the_same_things_are_reached(tmp_path: Path) -> None:
    """The test above can fail: the same script reaches what it must not, when nothing isolates it."""
    home = tmp_path / "home"
    home.mkdir()
    installed = install(tmp_path, settings=_EGRESS)
    with serving(installed) as firewall, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        threading.Thread(target=_answer, args=(other,), daemon=True).start()
        script = (
            f"curl -sS -m 5 --noproxy '*' -o /dev/null http://127.0.0.1:{other.getsockname()[1]}/ && echo reached"
        )
        done = _run(firewall, _config(firewall), home, "--", "sh", "-c", script)
    assert "reached" in done.stdout, done.stderr


def test_without_bubblewrap_it_is_refused(tmp_path: Path) -> None:
    """No isolation is no start: the reason and what to install, and no token was minted for it."""
    home = tmp_path / "home"
    folder = tmp_path / "bin"
    home.mkdir()
    folder.mkdir()
    (folder / "sh").symlink_to("/bin/sh")
    installed = install(tmp_path, settings=_EGRESS)
    with serving(installed) as firewall:
        done = _run(firewall, _config(firewall), home, "--isolate", "--", "sh", "-c", "true", path=str(folder))
        assert (done.returncode, "needs bubblewrap" in done.stderr) == (1, True), done.stderr
        (folder / "bwrap").write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
        (folder / "bwrap").chmod(0o755)
        done = _run(firewall, _config(firewall), home, "--isolate", "--", "sh", "-c", "true", path=str(folder))
        assert (done.returncode, "not permitted here" in done.stderr) == (1, True), done.stderr


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    connection.close()
