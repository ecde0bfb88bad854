"""The demo's servers as processes: address on the first line, a real curl, a real deletion."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from firewall.demo.infrastructure import PATH
from firewall.demo.scenes import volume_delete

pytestmark = pytest.mark.timeout(120)


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[str]:
    argv = [sys.executable, "-m", module, "--port", "0", *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            yield address
        finally:
            process.send_signal(signal.SIGKILL)


def test_the_provider_follows_a_script_file(tmp_path: Path) -> None:
    """The module serves the file that it was given, under the key that it was given."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"scenes": [{"turns": [{"text": "From the file."}]}]}))
    body = {"model": "m", "messages": [{"role": "user", "content": "go"}]}
    with _running("firewall.demo.provider", "--script", str(script), "--key", "k") as address:
        url = f"{address}/v1/chat/completions"
        assert httpx.post(url, json=body, trust_env=False).status_code == 401
        answer = httpx.post(url, json=body, headers={"authorization": "Bearer k"}, trust_env=False)
    assert answer.json()["choices"][0]["message"]["content"] == "From the file."


def test_the_provider_plays_the_incident_by_default() -> None:
    """Without a script the first bare curl meets the destructive call."""
    tool = {"type": "function", "function": {"name": "bash", "parameters": {"properties": {"command": {}}}}}
    body = {"model": "m", "tools": [tool], "messages": [{"role": "user", "content": "clean up"}]}
    with _running("firewall.demo.provider") as address:
        argv = ["curl", "-s", f"{address}/v1/chat/completions", "-d", json.dumps(body)]
        answer = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert "rm -rf /srv/data" in answer.stdout


def test_the_incidents_curl_really_deletes_the_volume(tmp_path: Path) -> None:
    """The very command of the script, run by a shell, removes data and backups in one call."""
    volume = tmp_path / "vol_production"
    with _running("firewall.demo.infrastructure", "--directory", str(tmp_path), "--token", "t") as address:
        assert sorted(path.name for path in (volume / "backups").iterdir())
        command = volume_delete(address + PATH).command
        env = {"PATH": os.environ["PATH"], "RAILWAY_TOKEN": "t", "no_proxy": "127.0.0.1"}
        refused = subprocess.run(
            ["bash", "-c", command], env=env | {"RAILWAY_TOKEN": "x"}, capture_output=True, text=True, check=True
        )
        assert "Not Authorized" in refused.stdout
        assert (volume / "data.db").is_file()
        done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"data": {"volumeDelete": True}}
    assert not volume.exists()
