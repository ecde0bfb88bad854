"""An approval's status as server-sent events, through a real server: a decision, a revoked token, a stop."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.installation import Served, install, serving, verify

LIMIT_S = 30


@pytest.fixture(scope="module")
def firewall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all."""
    installed = install(tmp_path_factory.mktemp("streams"), settings="\n[hooks]\nhold_s = 20\n")
    with serving(installed) as running:
        yield running
        done = verify(installed)
        assert done.returncode == 0, done.stdout + done.stderr


def _held(firewall: Served, token: str, what: str) -> str:
    """Ask for something that people are asked about; returns the approval's id."""
    body = {"tool": "Bash", "arguments": {"command": f"rm -r /srv/{what}"}, "session": "ses"}
    answer = httpx.post(
        f"{firewall.agents}/v1/judge",
        json=body,
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=LIMIT_S,
    )
    return str(answer.json()["approval"]["id"])


@contextmanager
def _listening(firewall: Served, token: str, approval: str) -> Iterator[Iterator[tuple[str, dict[str, object]]]]:
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    url = f"{firewall.agents}/v1/approvals/{approval}"
    with httpx.stream("GET", url, headers=headers, trust_env=False, timeout=LIMIT_S) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, object]]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("deny", "denied")])
def test_a_waiting_agent_hears_the_decision(firewall: Served, decision: str, status: str) -> None:
    """Over a socket, without asking again; the stream ends by itself."""
    token = firewall.mint(ttl="1h", agent=f"agent-{decision}")
    approval = _held(firewall, token, decision)
    with _listening(firewall, token, approval) as events:
        assert next(events)[1]["status"] == "pending"
        assert firewall.decide(approval, decision, "no, thanks" if decision == "deny" else "").status_code == 200
        name, data = next(events)
        assert (name, data["id"], data["status"]) == ("status", approval, status)
        assert data.get("reason", "") == ("no, thanks" if decision == "deny" else "")
        assert list(events) == [("end", {"code": "settled"})]


def test_a_revoked_token_hears_nothing_more(firewall: Served) -> None:
    """The stream ends at once; what became of the approval is not said."""
    token_id, token = firewall.minted(ttl="1h", agent="agent-revoked")
    approval = _held(firewall, token, "revoked")
    with _listening(firewall, token, approval) as events:
        assert next(events)[1]["status"] == "pending"
        gone = httpx.delete(f"{firewall.control}/api/tokens/{token_id}", headers=firewall.admin, trust_env=False)
        assert gone.status_code == 200
        assert list(events) == [("end", {"code": "token_revoked"})]


def test_another_agents_approval_is_unknown(firewall: Served) -> None:
    """Neither a stream nor a word; without a token neither."""
    approval = _held(firewall, firewall.mint(ttl="1h", agent="agent-mine"), "mine")
    other = firewall.mint(ttl="1h", agent="agent-other")
    for headers, status in (({"authorization": f"Bearer {other}"}, 404), ({}, 401)):
        answer = httpx.get(
            f"{firewall.agents}/v1/approvals/{approval}",
            headers={"accept": "text/event-stream", **headers},
            trust_env=False,
            timeout=LIMIT_S,
        )
        assert answer.status_code == status
