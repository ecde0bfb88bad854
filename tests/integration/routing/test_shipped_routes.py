"""The routes that `stayhand init --routes` writes: loaded as they are, and drilled through every quick fault."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from firewall.routing.drills.scenarios import DRILLED, Scenario
from tests.support.installation import Served, verify
from tests.support.shipped_routes import KEYS, ROUTES, shipped, stayhand

SILENT = {Scenario.STALL, Scenario.SLOW_FIRST_TOKEN}
"""These take seconds each; docs/drills.md has them."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the shipped routes; its log holds afterwards."""
    with shipped(tmp_path_factory.mktemp("shipped")) as running:
        yield running
    assert verify(running.installed).returncode == 0


@pytest.mark.parametrize("route", ROUTES)
def test_the_shipped_routes_pass_their_drill(house: Served, route: str) -> None:
    """Each way to fail, streamed and whole, ends as it should, and every member has answered: none is a hope."""
    picked = [part for one in DRILLED if one not in SILENT for part in ("--scenario", one.value)]
    code, out, err = stayhand(house, "route", "drill", route, *picked, "--json")
    assert code == 0, out + err
    found = json.loads(out)
    assert (found["hopes"], len(found["chain"])) == ([], 3)
    assert found["passed"] == found["of"] > 20
    by_row = {(row["scenario"], row["form"]): row["seen"] for row in found["rows"]}
    assert by_row["reset-in-stream", "streamed"] == "answered", "what breaks off after words begins again"
    assert by_row["missing-terminator", "streamed"] == "answered"


def test_the_secondary_carries_the_load(house: Served) -> None:
    """While the first of every route fails, calls of staging are answered by others, all of them."""
    over, statuses = threading.Event(), []
    token = house.mint(owner="alice")

    def load() -> None:
        while not over.is_set():
            body = {"model": "quick", "max_tokens": 9, "messages": [{"role": "user", "content": "ready?"}]}
            answer = httpx.post(
                f"{house.agents}/v1/messages", json=body, headers={"x-api-key": token}, trust_env=False, timeout=60
            )
            statuses.append(answer.status_code)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        code, out, err = stayhand(house, "route", "drill", "--share", "100", "--for", "2s", "--json")
    finally:
        over.set()
        thread.join(60)
    assert code == 0, out + err
    found = json.loads(out)
    assert (found["unanswered"], found["carried"]) == (0, found["calls"])
    assert set(statuses) == {200}


def test_a_drill_is_repeated_until_it_is_stopped(house: Served) -> None:
    """`--every`: each drill is dated and scored, Ctrl-C ends the last, and the exit code tells of all of them."""
    env = {**os.environ, **KEYS, "STAYHAND_TOKEN": str(house.installed.shown["admin_token"])}
    drill = ("route", "drill", "coder", "--scenario", "503", "--every", "1s")
    command = [sys.executable, "-m", "firewall.cli.main", "--config", str(house.at_its_ports()), *drill]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    guard = threading.Timer(100, process.kill)
    guard.start()
    lines: list[str] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line)
            if sum("of 3 passed" in one for one in lines) == 2:
                process.send_signal(signal.SIGINT)
                break
        lines += process.stdout.readlines()
        assert process.wait(60) == 0, lines
    finally:
        guard.cancel()
        process.kill()
        process.stdout.close()
        process.wait(60)
    assert sum("drill of 20" in one for one in lines) >= 2
    assert "ended" in lines[-1]
