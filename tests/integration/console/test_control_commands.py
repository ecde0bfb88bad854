"""The command line against a control side on a real socket: results, talk, exits, credentials."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from firewall.cli import client as client_module
from firewall.cli.approvals import approvals
from firewall.cli.approver import approver
from firewall.cli.spend import spend
from firewall.cli.token import token
from firewall.core.approval import ApprovalStatus
from firewall.core.glass import BreakGlass
from firewall.core.work import Unit
from tests.support.approving import subject, until, view, wanted
from tests.support.breaking import asked
from tests.support.control_side import (
    ADMIN_TOKEN,
    AGENT_TOKEN,
    APPROVER_TOKEN,
    SECRET,
    SERVICE_TOKEN,
    Side,
    control_side,
    free_socket,
    served,
)
from tests.support.enrolling import by_code, enrolled
from tests.support.figures import TwoAccounts


@click.group()
@click.option("--config")
def stayhand(config: str | None) -> None:
    """Stand in for the main command, which registers these groups."""
    assert config


for group in (approvals, approver, spend, token):
    stayhand.add_command(group)


@dataclass(slots=True)
class Line:
    """A command line with its configuration."""

    side: Side
    config: Path

    async def run(self, *args: str, credential: str = ADMIN_TOKEN, typed: str | None = None) -> Result:
        """Run a command in a thread, as the server runs in this one."""
        environ = {
            "STAYHAND_TOKEN": credential,
            "STAYHAND_APPROVER": "",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "ALL_PROXY": "http://127.0.0.1:9",
        }
        call: Callable[[], Result] = lambda: CliRunner().invoke(  # noqa: E731 - one call for the thread
            stayhand, ["--config", str(self.config), *args], input=typed, env=environ
        )
        return await asyncio.to_thread(call)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """A served control side and a configuration that names it."""
    bound = free_socket()
    port = bound.getsockname()[1]
    side = control_side(public=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    config = tmp_path / "stayhand.toml"
    config.write_text(
        f'[server]\ncontrol_listen = "127.0.0.1:{port}"\npublic_url = "http://localhost:{port}"\n',
        encoding="utf-8",
    )
    async with served(side.console.app, bound):
        yield Line(side, config)


async def test_an_approver_lists_shows_and_decides(line: Line) -> None:
    """Results are on stdout as documented, and the decision is recorded as made with a token."""
    approval = await line.side.approvals.open(wanted())
    listed = await line.run("approvals", "list", "--json", credential=APPROVER_TOKEN)
    assert listed.exit_code == 0, listed.output
    assert [row["id"] for row in json.loads(listed.stdout)] == [approval.id]
    shown = await line.run("approvals", "show", approval.id, "--json", credential=APPROVER_TOKEN)
    assert json.loads(shown.stdout)["arguments"] == subject().arguments
    told = await line.run("approvals", "show", approval.id, credential=APPROVER_TOKEN)
    assert told.stdout.startswith(subject().actions[0].summary)
    assert "^^^" in told.stdout
    assert "{" not in told.stdout
    denied = await line.run("approvals", "deny", approval.id, "--reason", "not now", credential=APPROVER_TOKEN)
    assert denied.exit_code == 0
    assert denied.stdout.strip() == approval.id
    row = line.side.log.rows[approval.id]
    assert (row.status, row.reason) == (ApprovalStatus.DENIED, "not now")
    assert line.side.log.records[-1].data["via"] == "token"


async def test_a_second_decision_fails_with_exit_1(line: Line) -> None:
    """What was decided stays decided; the error is one line on stderr."""
    approval = await line.side.approvals.open(wanted())
    assert (await line.run("approvals", "approve", approval.id)).exit_code == 0
    again = await line.run("approvals", "deny", approval.id)
    assert again.exit_code == 1
    assert again.stdout == ""
    assert again.stderr.startswith("stayhand: error: this approval was already decided")


async def test_waiting_ends_with_the_decision(line: Line) -> None:
    """Exit 0 when approved, 1 when denied."""
    for decision, code in (("approve", 0), ("deny", 1)):
        approval = await line.side.approvals.open(wanted(digest=decision))
        waiting = asyncio.create_task(line.run("approvals", "wait", approval.id, "--json"))
        await until(functools.partial(line.side.approvals._waiters.__contains__, approval.id))
        # the runner swaps the process's streams, so the second command must not overlap: decide in process
        async with line.side.client(headers={"authorization": f"Bearer {APPROVER_TOKEN}"}) as client:
            await client.post(f"/api/approvals/{approval.id}/decision", json={"decision": decision})
        assert (await waiting).exit_code == code


async def test_terminal_output_shows_hidden_characters(line: Line) -> None:
    """A call's text cannot move the cursor, colour or reorder what an approver reads in a terminal."""
    text = "\x1b[2J\x1b[1;32mSAFE\u202e"
    hostile = subject(actions=(view(summary=text, resource=text),), agent=text, said=text, arguments=text)
    opened = await line.side.approvals.open(wanted(subject=hostile))
    for args in (["list"], ["list", "--json"], ["show", opened.id], ["show", opened.id, "--json"]):
        output = (await line.run("approvals", *args)).output
        assert "\x1b" not in output
        assert "\u202e" not in output
        assert "SAFE" in output


@pytest.mark.parametrize("credential", [AGENT_TOKEN, SERVICE_TOKEN, "nonsense", ADMIN_TOKEN[:-1] + "x"])
async def test_only_control_tokens_are_sent(line: Line, credential: str) -> None:
    """An agent's token in the environment is refused before anything is asked."""
    approval = await line.side.approvals.open(wanted())
    result = await line.run("approvals", "approve", approval.id, credential=credential)
    assert result.exit_code == 1
    assert "STAYHAND_TOKEN holds" in result.stderr
    assert credential not in result.output
    assert line.side.log.rows[approval.id].status is ApprovalStatus.PENDING


async def test_a_list_that_had_an_end_says_how_to_go_on(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many approvals at a time; the page behind them is asked for by the last of them."""
    monkeypatch.setattr("firewall.console.api.approvals._LISTED", 2)
    made = []
    for letter in "abc":
        line.side.clock.forward(1)
        made.append((await line.side.approvals.open(wanted(digest=letter * 64))).id)
    first = await line.run("approvals", "list", "--status", "pending", "--json", credential=APPROVER_TOKEN)
    assert [row["id"] for row in json.loads(first.stdout)] == [made[2], made[1]]
    assert f"there are more: stayhand approvals list --status pending --after {made[1]}" in first.stderr
    table = await line.run("approvals", "list", credential=APPROVER_TOKEN)
    assert "2 of these wait for an answer" in table.stderr
    assert f"stayhand approvals list --after {made[1]}" in table.stderr
    last = await line.run("approvals", "list", "--after", made[1], credential=APPROVER_TOKEN)
    assert made[0] in last.stdout
    assert "there are more" not in last.stderr


async def test_reports_and_accounts_say_that_there_are_more(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what shows them, on stderr: what a program reads stays JSON."""
    whole = await line.run("spend", "budgets", "--json")
    assert len(json.loads(whole.stdout)) == 2
    assert "earlier" not in whole.stderr
    monkeypatch.setattr("firewall.console.api.spend.MOST_GROUPS", 1)
    monkeypatch.setattr(TwoAccounts, "most", 1)
    cut = await line.run("spend", "budgets", "--json")
    assert len(json.loads(cut.stdout)) == 1
    assert "there are accounts that moved earlier: stayhand spend budgets --skip 1" in cut.stderr
    rest = await line.run("spend", "budgets", "--skip", "1")
    assert (rest.exit_code, "earlier" in rest.stderr) == (0, False)
    report = await line.run("spend", "report", "--by", "feature", "--json")
    assert json.loads(report.stdout)["more"] is True
    assert "there are more groups, none of them dearer: --skip 1" in report.stderr
    assert json.loads((await line.run("spend", "report", "--skip", "1", "--json")).stdout)["rows"] == []


async def test_without_a_terminal_no_passphrase_is_read(line: Line) -> None:
    """A pipe is no person: a passphrase on stdin is not taken."""
    result = await line.run("approvals", "list", credential="", typed=f"alice\n{SECRET}\n")
    assert result.exit_code == 1
    assert "needs a credential" in result.stderr
    assert line.side.doors.tried == []


async def test_a_passphrase_is_typed_at_the_terminal(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session that a command begins ends with it, and stdout holds the result alone."""
    monkeypatch.setattr(client_module, "_at_terminal", lambda: True)
    approval = await line.side.approvals.open(wanted())
    result = await line.run("approvals", "approve", approval.id, credential="", typed=f"bob\n{SECRET}\n")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == approval.id
    assert line.side.log.rows[approval.id].status is ApprovalStatus.APPROVED
    assert line.side.log.records[-1].data["via"] == "session"
    assert line.side.console.sessions._live == {}
    wrong = await line.run("approvals", "list", credential="", typed="bob\nwrong\n")
    assert wrong.exit_code == 1
    assert "the name or the passphrase is wrong" in wrong.stderr


async def test_tokens_are_minted_narrowed_listed_and_revoked(line: Line, tmp_path: Path) -> None:
    """Flags become the wish that the desk is asked; what is shown once goes to stdout."""
    (tmp_path / "work").mkdir()
    minted = await line.run(
        *(
            "token",
            "mint",
            "--env",
            "staging",
            "--owner",
            "olga",
            "--workspace",
            str(tmp_path / "x" / ".." / "work"),
        ),
        *("--ttl", "8h", "--verbs", "read, write", "--destructive-per-hour", "2", "--json"),
    )
    assert minted.exit_code == 0, minted.output
    assert set(json.loads(minted.stdout)) >= {"id", "token", "expires_at"}
    wish = line.side.desk.asked[0][1]
    assert wish == {
        "kind": "agent", "env": "staging", "owner": "olga", "workspace": str(tmp_path / "work"), "ttl": "8h",
        "verbs": ["read", "write"], "destructive_per_hour": 2,
    }  # fmt: skip
    plain = await line.run("token", "mint", "--env", "staging")
    assert plain.stdout == "shown once\n"
    assert (await line.run("token", "narrow", "tok_1", "--verbs", "read")).exit_code == 0
    assert (await line.run("token", "list", "--json")).exit_code == 0
    assert (await line.run("token", "show", "tok_1")).exit_code == 0
    assert (await line.run("token", "show", "tok_9")).exit_code == 1
    assert (await line.run("token", "revoke", "tok_1")).exit_code == 0
    assert [one[0] for one in line.side.desk.asked] == ["mint", "mint", "narrow", "revoke"]


async def test_every_page_of_tokens_is_listed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full page is followed by the one behind its last token, until one is not full."""
    monkeypatch.setattr("firewall.console.api.admin.PAGE", 1)
    listed = await line.run("token", "list", "--json")
    assert [one["id"] for one in json.loads(listed.stdout)] == ["tok_1", "tok_2"]
    assert line.side.desk.asked == [("list", "tok_1"), ("list", "tok_2")]


async def test_people_are_added_listed_and_removed_by_admins_alone(line: Line) -> None:
    """An approver's token adds nobody."""
    added = await line.run("approver", "add", "zoe", "--group", "oncall")
    assert (added.exit_code, added.stdout) == (0, "shown once\n")
    assert (await line.run("approver", "list")).exit_code == 0
    assert (await line.run("approver", "remove", "zoe")).exit_code == 0
    refused = await line.run("approver", "add", "eve", credential=APPROVER_TOKEN)
    assert refused.exit_code == 1
    assert "stayhand: error: this needs the role `admin`; yours is `approver`\n" in refused.stderr
    assert "stayhand: hint: set STAYHAND_TOKEN to the token of somebody who may" in refused.stderr
    assert [one[0] for one in line.side.desk.asked] == ["add", "remove"]


async def test_links_and_passkeys_are_made_listed_and_revoked(line: Line) -> None:
    """The address comes alone on stdout and works; what is revoked is gone; an approver makes none."""
    made = await line.run("approver", "link", "alice")
    code = made.stdout.strip().partition("#")[2]
    assert made.stdout == f"{line.side.public}/console/link#{code}\n"
    row = json.loads((await line.run("approver", "link", "bob", "--json")).stdout)
    assert set(row) == {"id", "name", "address", "expires_at"}
    listed = await line.run("approver", "links")
    assert "alice" in listed.stdout
    assert code not in listed.stdout
    _, signed_in = await by_code(line.side, code)
    assert signed_in.status_code == 303
    assert (await line.run("approver", "revoke", row["id"])).exit_code == 0
    assert json.loads((await line.run("approver", "links", "--json")).stdout) == []
    await enrolled(line.side, "bob")
    passkey = json.loads((await line.run("approver", "passkeys", "bob", "--json")).stdout)[0]
    assert (await line.run("approver", "passkeys")).stdout.count("phone") == 1
    assert json.loads((await line.run("approver", "passkeys", "alice", "--json")).stdout) == []
    assert json.loads((await line.run("approver", "revoke", passkey["id"], "--json")).stdout)["name"] == "bob"
    for wrong in (passkey["id"], "alice", "apr_" + "0" * 22):
        assert (await line.run("approver", "revoke", wrong)).exit_code == 1
    refused = await line.run("approver", "link", "alice", credential=APPROVER_TOKEN)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert (await line.run("approver", "link", "nobody-here")).exit_code == 1


@pytest.mark.parametrize(
    "args",
    [
        ["token", "mint"],
        ["token", "mint", "--kind", "admin"],
        ["approvals", "show"],
        ["approvals", "list", "--status", "maybe"],
        ["approvals", "nothing"],
    ],
    ids=str,
)
async def test_wrong_usage_is_exit_2(line: Line, args: list[str]) -> None:
    """Usage errors are told apart from refusals."""
    assert (await line.run(*args)).exit_code == 2


@pytest.mark.parametrize("name", ["../session", "a/b", "..", ""])
async def test_an_id_cannot_become_another_path(line: Line, name: str) -> None:
    """User input is one path segment or nothing."""
    assert (await line.run("token", "revoke", name)).exit_code == 1
    assert line.side.desk.asked == []


async def test_nobody_there_is_an_error_with_a_hint(tmp_path: Path) -> None:
    """A server that does not run is named with what to do."""
    bound = free_socket()
    port = bound.getsockname()[1]
    config = tmp_path / "stayhand.toml"
    config.write_text(f'[server]\ncontrol_listen = "127.0.0.1:{port}"\n', encoding="utf-8")
    result = await Line(control_side(), config).run("approvals", "list")
    bound.close()
    assert result.exit_code == 1
    assert "nobody answers" in result.stderr
    assert "stayhand: hint:" in result.stderr


async def test_somebody_leaves_lends_and_comes_back(line: Line) -> None:
    """One notes it of himself, an admin of anybody; the list says who is away, who speaks for whom, until when."""
    for other in ("away", "delegate"):
        more = ("root",) if other == "delegate" else ()
        refused = await line.run(
            "approver", other, "bob", *more, "--until", "2026-10-01", credential=APPROVER_TOKEN
        )
        assert refused.exit_code == 1
        assert "of himself" in refused.stderr
    own = ("approver", "away", "alice", "--until", "2026-10-01", "--delegate", "bob")
    noted = await line.run(*own, credential=APPROVER_TOKEN)
    assert noted.exit_code == 0, noted.output
    assert "alice is away; bob speaks for alice" in noted.stderr
    told = (await line.run("approver", "list")).stdout
    (of_alice,) = [one for one in told.splitlines() if one.startswith("alice")]
    assert "away" in of_alice
    assert "bob" in of_alice
    assert "2026-10-02T00:00:00Z" in of_alice
    lent = await line.run("approver", "delegate", "alice", "root", "--until", "2026-09-30T00:00:00Z", "--json")
    assert json.loads(lent.stdout) | {"since": ""} == {
        "name": "alice",
        "delegate": "root",
        "away": False,
        "since": "",
        "until": "2026-09-30T00:00:00Z",
    }
    assert (await line.run("approver", "back", "alice", credential=APPROVER_TOKEN)).exit_code == 0
    rows = json.loads((await line.run("approver", "list", "--json")).stdout)
    assert [(one["away"], one["delegate"], one["until"]) for one in rows if one["name"] == "alice"] == [
        ("", "", "")
    ]
    again = await line.run("approver", "back", "alice")
    assert (again.exit_code, "nothing is noted" in again.stderr) == (1, True)
    kinds = [
        kind
        for kind in line.side.log.kinds
        if kind in ("approver.away", "approver.delegated", "approver.returned")
    ]
    assert kinds == ["approver.away", "approver.delegated", "approver.returned"]


async def test_figures_of_approvers_are_a_table(line: Line) -> None:
    """A vote by a command without a look is a hasty one; without `--json` a line each."""
    approval = await line.side.approvals.open(wanted())
    assert (await line.run("approvals", "approve", approval.id, credential=APPROVER_TOKEN)).exit_code == 0
    found = await line.run("approver", "list", "--stats", "--json")
    (alice,) = json.loads(found.stdout)
    assert (alice["name"], alice["answered"], alice["hasty_percent"]) == ("alice", 1, 100)
    told = await line.run("approver", "list", "--stats")
    assert told.stdout.splitlines()[0].split()[:3] == ["NAME", "ANSWERED", "APPROVED"]


async def test_reviews_of_break_glass_by_command(line: Line) -> None:
    """Listed, closed with a finding and a note, and listed among the others; a second time is refused."""
    side = line.side
    assert (await line.run("approvals", "reviews")).stderr == "nothing open\n"
    approval = await side.approvals.open(asked())
    await side.log.submit(Unit(steps=(BreakGlass(approval.id, "per_anig", ("per_anig",), 1, 1, 0, 0, "why"),)))
    listed = await line.run("approvals", "reviews", credential=APPROVER_TOKEN)
    assert approval.id in listed.stdout
    assert listed.stderr == "1 open\n"
    wish = ("approvals", "review", approval.id, "--finding", "justified", "--note", "it was the only way")
    assert (await line.run("approvals", "review", approval.id, "--note", "x")).exit_code == 2
    newer = await line.run(*wish, credential=APPROVER_TOKEN)
    assert (newer.exit_code, newer.stdout) == (0, f"{approval.id}\n"), newer.stderr
    assert "justified: Deletes /srv/data" in newer.stderr
    assert (await line.run(*wish)).exit_code == 1
    rows = json.loads((await line.run("approvals", "reviews", "--reviewed", "--json")).stdout)
    assert [(one["id"], one["finding"], one["reviewer"]) for one in rows] == [
        (approval.id, "justified", "per_ecila")
    ]
