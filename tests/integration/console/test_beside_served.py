"""What an approval's page shows and does, by commands of a running server, with an approver's token."""

import json
import sqlite3
from collections.abc import Iterator
from subprocess import CompletedProcess

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Turn, turns
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, cli, install, serving, verify
from tests.support.speaking import LIMIT_S
from tests.support.whole_console import TOOLS

SAID = "please clean up \u202ethe canary"


@pytest.fixture(scope="module")
def firewall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server in front of a scripted provider."""
    with served(app(turns(Turn(text="Fine."), Turn(text="Fine.")), key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("beside"), provider=provider)
        with serving(installed) as running:
            yield running


@pytest.fixture(scope="module")
def held(firewall: Served) -> list[str]:
    """Two calls of one kind, asked after the agent talked to its model; the first first."""
    headers = {
        "x-api-key": firewall.mint(owner="olga", agent="talker", workspace=str(firewall.installed.folder)),
        "anthropic-version": "2023-06-01",
    }
    body = {
        "model": "claude-sonnet-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": SAID}],
        "tools": TOOLS,
    }
    said = httpx.post(
        f"{firewall.agents}/v1/messages", json=body, headers=headers, trust_env=False, timeout=LIMIT_S
    )
    assert said.status_code == 200, said.text
    found = []
    for name in ("first", "second"):
        question = {"tool": "bash", "arguments": {"command": f"rm -rf /srv/{name}"}}
        answer = httpx.post(
            f"{firewall.agents}/v1/judge", json=question, headers=headers, trust_env=False, timeout=LIMIT_S
        )
        found.append(str(answer.json()["approval"]["id"]))
    return found


def command(firewall: Served, *words: str) -> "CompletedProcess[str]":
    """Run `stayhand approvals …` with an approver's token."""
    env = {"STAYHAND_TOKEN": firewall.installed.shown["approver_token"]}
    return cli("--config", str(firewall.at_its_ports()), "approvals", *words, env=env)


def entries(firewall: Served, kind: str) -> list[dict[str, object]]:
    """Return the bodies of every entry of a kind, oldest first."""
    with sqlite3.connect(f"file:{firewall.installed.database}?mode=ro", uri=True) as log:
        rows = log.execute("SELECT body FROM audit_entries WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
    return [json.loads(row[0]) for row in rows]


def test_show_says_what_the_page_says(firewall: Served, held: list[str]) -> None:
    """How it differs from the last of its kind, who asks, the row, the time left, and what else can be done."""
    first, second = held
    shown = command(firewall, "show", second)
    assert shown.returncode == 0, shown.stderr
    assert f"beside the last request of this kind ({first}, pending" in shown.stdout
    assert "   + rm -rf /srv/second" in shown.stdout
    assert "   - rm -rf /srv/first" in shown.stdout
    for words in (
        " min left)",
        "talker for olga",
        "policy.csv",
        f"approvals conversation {second}",
        "approvals edit",
    ):
        assert words in shown.stdout, shown.stdout
    assert f"2 of this kind wait, and can be answered at once: {firewall.control}"[:50] in shown.stdout
    row = json.loads(command(firewall, "show", second, "--json").stdout)
    assert row["compared"]["only_now"] == ["rm -rf /srv/second"]
    assert row["edit"] == {"what": "command", "text": "rm -rf /srv/second"}
    assert (row["conversation"], row["alike"]["waiting"], row["review"]) == ("offered", 2, "")
    assert 0 < row["left_s"] <= 1800
    seen = [one for one in entries(firewall, "approval.viewed") if one["approval"] == second]
    assert [one["data"] for one in seen] == [{"compared": first}] * 2


def test_the_conversation_is_read_by_command_and_that_is_an_entry(firewall: Served, held: list[str]) -> None:
    """Asking whether there is one opens nothing; reading it leaves the page's entry, and no hidden character."""
    path = f"{firewall.control}/api/approvals/{held[0]}/conversation"
    offered = httpx.get(path, headers=firewall.approver, trust_env=False)
    assert offered.json() == {"id": held[0], "state": "offered"}
    assert entries(firewall, "audit.read") == []
    told = command(firewall, "conversation", held[0])
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("Untrusted: ")
    assert "--- message 1, from the user's side" in told.stdout
    assert "  | please clean up ⟦U+202E⟧the canary" in told.stdout
    (entry,) = entries(firewall, "audit.read")
    (opened,) = [one for one in entries(firewall, "approval.opened") if one["approval"] == held[0]]
    kept = opened["data"]["conversation"]  # type: ignore[index]  # JSON
    assert (entry["approval"], entry["data"]) == (held[0], {"what": "conversation", "conversation": kept})
    agent = httpx.post(path, json={}, headers={"x-stayhand-token": firewall.mint()}, trust_env=False)
    assert agent.status_code == 403


def test_another_form_is_asked_for_by_command(firewall: Served, held: list[str]) -> None:
    """Printed, tried, refused; then the call is denied and its form waits, with the page's entries."""
    printed = command(firewall, "edit", held[1])
    assert (printed.returncode, printed.stdout) == (0, "rm -rf /srv/second\n"), printed.stderr
    same = command(firewall, "edit", held[1], "--text", "rm -rf /srv/second")
    assert (same.returncode, same.stdout) == (1, "")
    assert "same call" in same.stderr
    form = firewall.installed.folder / "form.txt"
    form.write_text("rm -rf /srv/second/cache\n", encoding="utf-8")
    done = command(firewall, "edit", held[1], "--file", str(form))
    assert done.returncode == 0, done.stderr
    new = done.stdout.strip()
    assert new != held[1]
    row = json.loads(command(firewall, "show", new, "--json").stdout)
    assert (row["status"], row["edited"]) == ("pending", held[1])
    assert row["arguments"] == '{"command":"rm -rf /srv/second/cache"}'
    old = command(firewall, "show", held[1]).stdout
    assert f"another form is wanted in its place: {new}" in old
    assert "denied" in old
    assert "nobody has approved it by that" in command(firewall, "show", new).stdout
    begun = entries(firewall, "edit.begun")
    assert [one["approval"] for one in begun] == [held[1]] * 2
    assert len(entries(firewall, "edit.refused")) == 1
    assert [one["data"]["via"] for one in entries(firewall, "approval.edited")] == ["token"]  # type: ignore[index]  # JSON
    permitted = command(firewall, "edit", held[0], "--text", "ls /srv/first")
    assert (permitted.returncode, permitted.stdout.strip()) == (0, held[0]), permitted.stderr
    assert "permits the form" in permitted.stderr
    nothing = command(firewall, "edit", held[0], "--text", "ls")
    assert nothing.returncode == 1
    assert command(firewall, "edit", held[0]).returncode == 1
    assert command(firewall, "edit", held[0], "--text", "x", "--file", str(form)).returncode == 2
    assert verify(firewall.installed).returncode == 0
