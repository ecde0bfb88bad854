"""Releases: a call that people approved at one gate passes each later gate once, and only as it was approved."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.action import Action
from firewall.core.approval import ApprovalStatus, Decision, Permit
from firewall.core.call import Served, ToolCall
from firewall.core.effect import Effect
from firewall.core.reason import Reason
from firewall.core.verdict import Ask
from firewall.guard.answer import Go, Stop, Wait
from firewall.guard.judgement import Judgement
from firewall.guard.releases import WINDOW_S, Releases
from tests.support.guarding import ALICE, DESTROY, Kept, call, keeping

WRITES = "touch /srv/notes/one"
ARGUMENTS = {"owner": "acme", "repo": "shop", "path": "README.md"}
SPELLINGS = (
    "mcp__github__delete_file",
    "mcp__github/delete_file",
    "mcp_github_delete_file",
    "github_delete_file",
)

BRANCH = "mcp__github__create_branch"
BRANCHES = Served("github", "create_branch", "https://mcp.example/", environment="unresolved")
"""A tool that writes, where nobody knows the place: permits are for what can be taken back."""


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


def said(name: str, *, ident: str = "toolu_1", **changes: object) -> ToolCall:
    """Return a call of GitHub's tool as a model says it."""
    return ToolCall(ident, name, json.dumps({**ARGUMENTS, **changes}).encode())


def made(*, ident: str = "", served: Served | None = None, **changes: object) -> ToolCall:
    """Return the same call as it arrives at the MCP gate, the arguments in another order."""
    arguments = dict(reversed({**ARGUMENTS, **changes}.items()))
    where = served or Served("github", "delete_file", "https://mcp.example/", environment="staging")
    return ToolCall(
        ident, f"mcp__{where.server}__{where.tool}", json.dumps(arguments, indent=1).encode(), served=where
    )


async def approved(kept: Kept, tool_call: ToolCall, gate: str = "models", **changes: object) -> str:
    """Have a call approved and released at a gate; return the approval."""
    asker = kept.requester(gate=gate, **changes)
    held = await kept.held(tool_call, asker)
    await kept.approve(held)
    assert isinstance(await kept.guard.release(held, asker), Go)
    return held.approval.id


@pytest.mark.parametrize("name", SPELLINGS)
async def test_a_call_approved_at_the_models_gate_runs_at_the_mcp_gate_once(kept: Kept, name: str) -> None:
    """Whatever way a client writes the tool's name, the approved call passes the MCP gate, and only once."""
    approval = await approved(kept, said(name))
    gate = kept.requester(gate="mcp", session="")
    first = await kept.guard.judge(made(), gate)
    assert isinstance(first, Go)
    assert first.approval == approval
    assert kept.entries()[-2:] == [("tool.judged", approval), ("tool.released", approval)]
    assert isinstance(await kept.guard.judge(made(), gate), Wait)


async def test_each_later_gate_uses_a_release_once(kept: Kept) -> None:
    """The hooks gate and the MCP gate each pass an approved call once; the models gate asks again."""
    await approved(kept, said(SPELLINGS[0]))
    hooks, mcp = kept.requester(gate="hooks"), kept.requester(gate="mcp")
    assert isinstance(await kept.guard.judge(said(SPELLINGS[0]), hooks), Go)
    assert isinstance(await kept.guard.judge(made(), mcp), Go)
    assert isinstance(await kept.guard.judge(said(SPELLINGS[0]), hooks), Wait)
    assert isinstance(await kept.guard.judge(made(), mcp), Wait)
    assert isinstance(await kept.guard.judge(said(SPELLINGS[0]), kept.requester()), Wait)


async def test_a_permit_passes_so_often_and_one_call_through_two_gates_takes_one_use(kept: Kept) -> None:
    """Each use is an entry, the last one ends it; the hooks gate passes what the models gate used."""
    models, hooks = kept.requester(), kept.requester(gate="hooks")
    held = await kept.held(call(WRITES), models)
    await kept.approvals.decide(held.approval.id, Decision.APPROVE, by=ALICE, permit=Permit(3, 600))
    assert isinstance(await kept.guard.release(held, models), Go)
    assert isinstance(await kept.guard.judge(call(WRITES), hooks), Go)
    for used in (2, 3):
        assert isinstance(await kept.guard.judge(call(WRITES), models), Go)
        assert kept.approvals.get(held.approval.id).used == used
        assert isinstance(await kept.guard.judge(call(WRITES), hooks), Go)
    assert kept.approvals.get(held.approval.id).status is ApprovalStatus.CONSUMED
    assert isinstance(await kept.guard.judge(call(WRITES), models), Wait)
    uses = [kind for kind, _ in kept.entries() if kind in ("approval.used", "approval.consumed")]
    assert uses == ["approval.used", "approval.used", "approval.consumed"]


async def test_a_permit_fits_no_other_call_and_ends_when_it_is_withdrawn(kept: Kept) -> None:
    """Another path, another owner; after the withdrawal the same call asks anew."""
    models = kept.requester()
    held = await kept.held(call(WRITES), models)
    await kept.approvals.decide(held.approval.id, Decision.APPROVE, by=ALICE, permit=Permit(3, 600))
    assert isinstance(await kept.guard.judge(call("touch /srv/notes/other"), models), Wait)
    assert isinstance(await kept.guard.release(held, models), Go)
    await kept.approvals.withdraw(held.approval.id, by=ALICE)
    assert isinstance(await kept.guard.judge(call(WRITES), models), Wait)


async def permitted(kept: Kept, tool_call: ToolCall, *, within_s: int = 600) -> str:
    """Use a permit of several once at the models gate; return the approval."""
    models = kept.requester()
    held = await kept.held(tool_call, models)
    await kept.approvals.decide(held.approval.id, Decision.APPROVE, by=ALICE, permit=Permit(3, within_s))
    assert isinstance(await kept.guard.release(held, models), Go)
    return held.approval.id


@pytest.mark.parametrize("gate", ["hooks", "mcp"])
@pytest.mark.parametrize("uses", [1, 2])
async def test_what_a_withdrawn_permit_left_is_asked_about(kept: Kept, gate: str, uses: int) -> None:
    """None of its uses passes a later gate; what another approval left of the same call still does."""
    tool_call = said(BRANCH)
    approval = await permitted(kept, tool_call)
    for _ in range(uses - 1):
        assert isinstance(await kept.guard.judge(tool_call, kept.requester()), Go)
    await kept.approvals.withdraw(approval, by=ALICE)
    later, seen = kept.requester(gate=gate), tool_call if gate == "hooks" else made(served=BRANCHES)
    assert isinstance(await kept.guard.judge(seen, later), Wait)
    await approved(kept, tool_call)
    assert isinstance(await kept.guard.judge(seen, later), Go)
    assert isinstance(await kept.guard.judge(seen, later), Wait)


@pytest.mark.parametrize("gate", ["hooks", "mcp"])
async def test_what_an_ended_permit_left_is_asked_about(kept: Kept, gate: str) -> None:
    """Its minutes are over, swept or not; before that the later gate passes it."""
    tool_call = said(BRANCH)
    await permitted(kept, tool_call, within_s=60)
    later, seen = kept.requester(gate=gate), tool_call if gate == "hooks" else made(served=BRANCHES)
    kept.clock.forward(59)
    assert isinstance(await kept.guard.judge(tool_call, kept.requester()), Go)
    assert isinstance(await kept.guard.judge(seen, later), Go)
    kept.clock.forward(1)
    assert isinstance(await kept.guard.judge(seen, later), Wait)


async def test_calls_of_the_agents_own_tools_leave_releases_too(kept: Kept) -> None:
    """A shell command that was approved where the model said it passes the agent's hook once."""
    await approved(kept, call(DESTROY))
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester(gate="hooks")), Go)
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester(gate="hooks")), Wait)


async def test_what_is_approved_at_the_mcp_gate_leaves_nothing_behind(kept: Kept) -> None:
    """The MCP gate is the last one: no other gate takes its approvals for its own."""
    await approved(kept, made(), gate="mcp", session="")
    assert isinstance(await kept.guard.judge(said(SPELLINGS[0]), kept.requester(gate="hooks")), Wait)
    assert isinstance(await kept.guard.judge(made(), kept.requester(gate="mcp", session="")), Wait)


@pytest.mark.parametrize(
    "other",
    [
        made(path="LICENSE"),
        made(branch="main"),
        made(served=Served("gitlab", "delete_file", "https://mcp.example/", environment="staging")),
        made(
            served=Served(
                "github", "delete_file", "https://mcp.example/", environment="staging", is_ambiguous=True
            )
        ),
        made(
            served=Served(
                "github", "delete_file", "https://x/", environment="staging", misfit="`path` is no number"
            )
        ),
    ],
    ids=["argument", "more arguments", "server", "ambiguous", "stricter"],
)
async def test_another_call_is_asked_about(kept: Kept, other: ToolCall) -> None:
    """Another argument, another server, a name that two servers share, and a stricter judgement ask anew."""
    await approved(kept, said(SPELLINGS[0]))
    assert isinstance(await kept.guard.judge(other, kept.requester(gate="mcp", session="")), Wait)


async def test_another_agent_run_or_session_is_asked_about(kept: Kept) -> None:
    """A release serves the run that was approved, of the same agent, and its own session where both say one."""
    await approved(kept, said(SPELLINGS[0]))
    for changes in (
        {"lineage": ("tok_2",), "token_id": "tok_2"},
        {"grant_agent": "other"},
        {"session": "ses_2"},
    ):
        assert isinstance(await kept.guard.judge(made(), kept.requester(gate="mcp", **changes)), Wait), changes
    assert isinstance(await kept.guard.judge(made(), kept.requester(gate="mcp", session="")), Go)


async def test_a_release_ends_with_its_time(kept: Kept) -> None:
    """Minutes later the same call is asked about."""
    await approved(kept, said(SPELLINGS[0]))
    kept.clock.forward(WINDOW_S + 1)
    assert isinstance(await kept.guard.judge(made(), kept.requester(gate="mcp", session="")), Wait)


async def test_an_id_of_the_agent_only_narrows(kept: Kept) -> None:
    """An id that was not approved finds nothing, one that was finds its own call, none finds any."""
    gate = kept.requester(gate="mcp", session="")
    first = await approved(kept, said(SPELLINGS[0], ident="toolu_1"))
    second = await approved(kept, said(SPELLINGS[0], ident="toolu_2"))
    assert isinstance(await kept.guard.judge(made(ident="toolu_9"), gate), Wait)
    found = await kept.guard.judge(made(ident="toolu_2"), gate)
    assert isinstance(found, Go)
    assert found.approval == second
    last = await kept.guard.judge(made(), gate)
    assert isinstance(last, Go)
    assert last.approval == first


async def test_a_denied_call_leaves_nothing(kept: Kept) -> None:
    """Only a vote for a call leaves a release: a denied one is asked about, and repeated refused for a while."""
    asker = kept.requester()
    held = await kept.held(said(SPELLINGS[0]), asker)
    await kept.approvals.decide(held.approval.id, Decision.DENY, by=ALICE)
    assert isinstance(await kept.guard.release(held, asker), Stop)
    gate = kept.requester(gate="mcp", session="")
    assert isinstance(await kept.guard.judge(made(), gate), Wait)
    refused = await kept.guard.judge(said(SPELLINGS[0], ident="toolu_2"), asker)
    assert isinstance(refused, Stop)
    assert refused.approval == held.approval.id
    kept.clock.forward(kept.approvals.rules.cool_down_s + 1)
    assert isinstance(await kept.guard.judge(said(SPELLINGS[0], ident="toolu_3"), asker), Wait)


async def test_a_release_is_worth_nothing_to_a_dead_token(kept: Kept) -> None:
    """What was approved is refused once the token is."""
    await approved(kept, said(SPELLINGS[0], ident="toolu_2"))
    gate = kept.requester(gate="mcp", session="")
    kept.is_live = False
    assert isinstance(await kept.guard.judge(made(), gate), Stop)


async def test_identical_calls_at_once_use_one_release_once(kept: Kept) -> None:
    """However many identical calls race for a release, one goes and the others ask."""
    await approved(kept, said(SPELLINGS[0]))
    gate = kept.requester(gate="mcp", session="")
    answers = await asyncio.gather(*(kept.guard.judge(made(), gate) for _ in range(6)))
    assert sum(isinstance(one, Go) for one in answers) == 1
    assert sum(isinstance(one, Wait) for one in answers) == 5


async def test_a_known_place_does_not_stand_for_an_unknown_one(kept: Kept) -> None:
    """What was approved as landing in a known environment is asked about where nobody can say where it lands."""
    name = "mcp__notes__delete_note"
    known = Served("notes", "delete_note", "x", environment="staging", is_scoped=True)
    await approved(kept, ToolCall("", name, b'{"id":"1"}', served=known), gate="hooks")
    unknown = ToolCall("", name, b'{"id":"1"}', served=Served("notes", "delete_note", "x"))
    gate = kept.requester(gate="mcp")
    assert isinstance(await kept.guard.judge(unknown, gate), Wait)
    assert isinstance(await kept.guard.judge(ToolCall("", name, b'{"id":"1"}', served=known), gate), Go)


async def test_an_approval_is_bound_to_the_server(kept: Kept) -> None:
    """The same tool of a server that is now another one (address, command, schema) is another call."""
    gate = kept.requester(gate="mcp")
    digests = {
        (await kept.held(one, gate)).approval.digest
        for one in (
            made(),
            made(served=Served("github", "delete_file", "https://elsewhere.example/", environment="staging")),
            ToolCall("", made().name, made().arguments, schema="ab" * 32, served=made().served),
        )
    }
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("mcp__stayhand__github__delete_file", True),
        ("mcp__stayhand/github__delete_file", True),
        ("mcp_stayhand_github__delete_file", True),
        ("mcp__github__delete_file", True),
        ("stayhand_github__delete_file", False),
        ("mcp__stayhand__gitlab__delete_file", False),
        ("mcp__other__github_delete_file", False),
    ],
)
async def test_a_call_through_the_address_of_all_servers(kept: Kept, name: str, *, fits: bool) -> None:
    """Where a client knows all our servers as one, the tool's name with its server's decides.

    What nobody could make out where it was approved is asked about where it can be.
    """
    await approved(kept, said(name))
    combined = Served("github", "delete_file", "https://mcp.example/", environment="staging", is_combined=True)
    answer = await kept.guard.judge(made(served=combined), kept.requester(gate="mcp", session=""))
    assert isinstance(answer, Go if fits else Wait)


def script(kept: Kept, text: str, *, within: str = "") -> None:
    """Write the script that the workspace's agent runs."""
    folder = kept.folder / "workspace" / within
    folder.mkdir(exist_ok=True)
    (folder / "migrate.py").write_text(text, encoding="utf-8")


BEFORE = "import shutil\nshutil.rmtree('/srv/data')\n"
AFTER = "import shutil\nshutil.rmtree('/srv/data')  # and more\n"
RUN = call(f"python migrate.py && {DESTROY}")


async def test_a_script_that_was_replaced_is_asked_about(kept: Kept) -> None:
    """People agreed to what the script held: with other bytes the same call asks, with the same it passes once."""
    script(kept, BEFORE)
    await approved(kept, RUN)
    hooks = kept.requester(gate="hooks")
    script(kept, AFTER)
    assert isinstance(await kept.guard.judge(RUN, hooks), Wait)
    script(kept, BEFORE)
    assert isinstance(await kept.guard.judge(RUN, hooks), Go)
    assert isinstance(await kept.guard.judge(RUN, hooks), Wait)


@pytest.mark.parametrize("is_there_first", [True, False])
async def test_a_script_that_one_gate_alone_could_read_is_asked_about(kept: Kept, *, is_there_first: bool) -> None:
    """What came or went between the gates was not what people agreed to."""
    path = kept.folder / "workspace" / "migrate.py"
    if is_there_first:
        script(kept, BEFORE)
    await approved(kept, RUN)
    if is_there_first:
        path.unlink()
    else:
        script(kept, BEFORE)
    assert isinstance(await kept.guard.judge(RUN, kept.requester(gate="hooks")), Wait)


async def test_a_script_that_no_gate_can_read_passes_as_it_was_shown(kept: Kept) -> None:
    """On another machine people were told that the script is unseen: that has not changed."""
    workspace = str(kept.folder / "elsewhere")
    await approved(kept, RUN, grant_workspace=workspace)
    hooks = kept.requester(gate="hooks", grant_workspace=workspace)
    assert isinstance(await kept.guard.judge(RUN, hooks), Go)


async def test_a_script_of_another_folder_is_asked_about(kept: Kept) -> None:
    """An agent that says that it works where another script of the same name lies is asked about that one."""
    script(kept, BEFORE)
    script(kept, BEFORE, within="sub")
    await approved(kept, RUN)
    cwd = str(kept.folder / "workspace" / "sub")
    assert isinstance(await kept.guard.judge(RUN, kept.requester(gate="hooks", cwd=cwd)), Wait)


@pytest.mark.parametrize("cwd", ["", "/srv/here"])
async def test_other_resources_do_not_fit_whatever_the_agent_claims(kept: Kept, cwd: str) -> None:
    """An agent that does not say where it works passes with no more than one that does."""
    deciding = Action("shell:rm", "Bash", "file:/srv/data", "staging", (Effect.DESTRUCTIVE,), "removes")
    tool_call = call(DESTROY)
    first = Judgement(tool_call, (deciding,), Ask(Reason.POLICY_ASK), deciding, "1", "", bound=b"{}")
    other = replace(deciding, resource="file:/srv/other")
    second = replace(first, actions=(other,), deciding=other, digest="2")
    asker = kept.requester()
    releases = Releases()
    releases.leave(first, asker, approval="apr_1", entry=1, now_us=0)
    later = replace(asker, gate="hooks", cwd=cwd)
    assert releases.take(second, later, now_us=1) is None
    found = releases.take(first, later, now_us=1)
    assert found is not None
    assert found.approval == "apr_1"
