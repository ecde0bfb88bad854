"""`stayhand egress`: the server with its forward proxy, started and asked as a real process."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.installation import REPOSITORY, Served, install, serving
from tests.support.upstreams import proxy_of

LIMIT_S = 60


def _command(firewall: Served, config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "firewall.cli.main", "--config", str(config), "egress", *words],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "STAYHAND_TOKEN": firewall.installed.shown["admin_token"],
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_it_hands_out_what_a_program_needs(tmp_path: Path) -> None:
    """A bundle file and the variables; a program that is given both is answered by the proxy."""
    with serving(install(tmp_path, settings='\n[egress]\nlisten = "127.0.0.1:0"\n')) as firewall:
        bundle = tmp_path / "egress.pem"
        done = _command(firewall, firewall.at_its_ports(), "--bundle", str(bundle), "--json")
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        assert shown["bundle"] == str(bundle)
        variables = {
            name: value.replace("TOKEN", firewall.mint(env="staging"))
            for name, value in shown["variables"].items()
        }
        assert variables["HTTPS_PROXY"].rpartition("@")[2] == shown["listen"]
        assert f"http://{shown['listen']}" == proxy_of(firewall)
        asked = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_connect}", "https://nowhere.example/"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert asked.stdout == "403", asked.stderr


def test_the_variables_can_be_sourced(tmp_path: Path) -> None:
    """Without --json they are lines for a shell, and people are told how long the file is enough."""
    with serving(install(tmp_path, settings='\n[egress]\nlisten = "127.0.0.1:0"\n')) as firewall:
        done = _command(firewall, firewall.at_its_ports(), "--bundle", str(tmp_path / "it's.pem"))
        assert "is enough until" in done.stderr
        script = f'{done.stdout}\nprintf %s "$SSL_CERT_FILE"'
        sourced = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=True)
        assert sourced.stdout == str(tmp_path / "it's.pem")


def test_without_a_forward_proxy_there_is_nothing_to_hand_out(tmp_path: Path) -> None:
    """A server that has none says so, and no file is written."""
    with serving(install(tmp_path)) as firewall:
        done = _command(firewall, firewall.at_its_ports(), "--bundle", str(tmp_path / "b.pem"))
        assert done.returncode == 1
        assert not (tmp_path / "b.pem").exists()
