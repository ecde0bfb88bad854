"""The official conformance suite before the whole firewall: each scenario a row, each exception named."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.conformance.clients import run_clients
from tests.support.conformance.server import TOOLS
from tests.support.conformance.suite import REVISIONS, Found, required, run
from tests.support.conformance.table import Row, differences, exceptions, headline, rendered, rows
from tests.support.conformance.way_in import way_in
from tests.support.installation import REPOSITORY, STOP_LIMIT_S, install, serving

pytestmark = [pytest.mark.agents, pytest.mark.timeout(600)]
ROWS = rows()
PACK = f"""
provider = "conformance"
hosts = []
provenance = "tests/support/conformance/server.py"

[mcp]
servers = ["everything"]

[mcp.tools]
read = {json.dumps(list(TOOLS))}
"""
ROOT = "/test/root"
"""The folder that the suite's client names when it is asked for its own."""


@contextmanager
def everything() -> Iterator[str]:
    """Run the server with everything; yields its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.conformance.server"],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(STOP_LIMIT_S)
        process.stdout.close()


@pytest.fixture(scope="module")
def as_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Found]]:
    """What the suite finds at `/mcp/everything`, by revision: all is run once, one after the other."""
    folder = tmp_path_factory.mktemp("conformance")
    with everything() as address:
        settings = (
            f'\n[[mcp_server]]\nname = "everything"\nenvironment = "staging"\nurl = "{address}"\n'
            'hosting = "self"\nmay_ask = ["sampling", "elicitation", "roots"]\n'
        )
        installed = install(folder / "firewall", settings=settings)
        (installed.config.parent / "policies" / "packs" / "conformance.toml").write_text(PACK)
        with serving(installed) as served:
            token = served.mint(ttl="1h", workspace=ROOT, max_requests_per_minute=100_000)
            with way_in(int(served.agents.rpartition(":")[2]), token) as port:
                url = f"http://127.0.0.1:{port}/mcp/everything"
                yield {one: run("server", one, folder / one, "--url", url) for one in REVISIONS}


@pytest.mark.parametrize("row", [row for row in ROWS if row.side == "server"], ids=str)
def test_as_a_server(as_server: Mapping[str, Found], row: Row) -> None:
    """A scenario ends as the table says: it passes, or fails in what is named there and in nothing else."""
    assert differences(row, dict(as_server[row.revision][row.scenario])) == []


@pytest.fixture(scope="module")
def as_client(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Found]:
    """What the suite's servers find behind the firewall, by revision."""
    folder = tmp_path_factory.mktemp("conformance")
    return {
        one: run_clients(one, sum((row.side, row.revision) == ("client", one) for row in ROWS), folder / one)
        for one in REVISIONS
    }


@pytest.mark.parametrize("row", [row for row in ROWS if row.side == "client"], ids=str)
def test_as_a_client(as_client: Mapping[str, Found], row: Row) -> None:
    """What a server of the suite sees of the firewall is as the table says, check by check."""
    assert differences(row, dict(as_client[row.revision][row.scenario])) == []


def test_every_scenario_that_a_revision_requires_is_run() -> None:
    """The lists are the suite's own: what it adds is added, and nothing is left out."""
    for revision in REVISIONS:
        text = required(revision)
        for side in {row.side for row in ROWS}:
            block = re.search(rf"^{side}:\n((?:  - .*\n)+)", text, re.MULTILINE)
            assert block is not None
            wanted = set(re.findall(r"- (\S+)", block[1]))
            wanted |= set(re.findall(rf"- scenario: (\S+)\n    leg: {side}\n", text))
            assert {row.scenario for row in ROWS if (row.side, row.revision) == (side, revision)} == wanted


def test_every_exception_is_of_a_scenario_that_is_run() -> None:
    """None is listed for nothing, and none twice."""
    named = [(one.side, revision, one.scenario) for one in exceptions() for revision in one.revisions]
    assert set(named) <= {(row.side, row.revision, row.scenario) for row in ROWS}
    whole = [(one.side, one.revisions, one.scenario, one.check) for one in exceptions()]
    assert len(set(whole)) == len(whole)
    assert all(one.why for one in exceptions())


def test_the_manual_says_what_passes() -> None:
    """`docs/mcp.md` shows the table as it is run: `python -m tests.support.conformance.table` prints it."""
    manual = (Path(REPOSITORY) / "docs" / "mcp.md").read_text(encoding="utf-8")
    assert headline() in manual
    assert rendered() in manual
