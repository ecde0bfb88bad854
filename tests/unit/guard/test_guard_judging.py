"""Judging: the order of the questions, what is recorded, and what an approval fits."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from firewall.core.call import ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import StoreError
from firewall.core.grant import Verb
from firewall.core.reason import Reason
from firewall.core.verdict import Ask, Deny
from firewall.guard.answer import Answer, Go, Stop, Wait
from firewall.guard.requester import Requester
from firewall.policy.snapshot import Snapshot
from tests.support.guarding import DESTROY, Kept, call, keeping, policies_in

PRODUCTION = '[[environment]]\nname = "production"\npaths = ["/srv/production/**"]\n'
ALLOW_ALL = "\n".join(
    f"p, *, *, Bash, file:*, {effect}, , allow," for effect in ("read", "write", "destructive", "exec")
)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


def reason(answer: Answer) -> Reason:
    """Return why a call was stopped."""
    assert isinstance(answer, Stop), answer
    assert isinstance(answer.verdict, Deny)
    return answer.verdict.reason


async def test_allowed_call_is_recorded_before_the_answer(kept: Kept) -> None:
    """A harmless call goes at once; its verdict and its release are entries that are already durable."""
    answer = await kept.guard.judge(call("ls -la"), kept.requester())
    assert answer == Go(0, effects=(Effect.READ,))
    assert kept.kinds() == ["tool.judged", "tool.released"]
    assert [answer for _, answer in kept.observed] == [answer]


async def test_destructive_call_waits_for_people(kept: Kept) -> None:
    """A destructive call outside the workspace opens exactly one approval, which shows the exact bytes."""
    held = await kept.held(call(DESTROY), kept.requester())
    assert kept.kinds() == ["tool.judged", "approval.opened"]
    subject = kept.approvals.get(held.approval.id).subject
    assert subject is not None
    assert json.loads(subject.arguments) == {"command": DESTROY}


async def test_order_reach_before_token_before_grant_before_policy(kept: Kept) -> None:
    """The questions are asked in the order of DESIGN 5, and the first no speaks."""
    kept.snapshot = policies_in(kept.folder / "policies", more_environments=PRODUCTION)
    own = f"cat {kept.folder}/data/log.key; rm -rf /srv/production/x"
    kept.is_live = False
    nobody = kept.requester(grant_verbs=frozenset({Verb.READ}))
    assert reason(await kept.guard.judge(call(own), nobody)) is Reason.OWN_REACH
    assert reason(await kept.guard.judge(call("rm -rf /srv/production/x"), nobody)) is Reason.GRANT_TOKEN
    kept.is_live = True
    assert reason(await kept.guard.judge(call("rm -rf /srv/production/x"), nobody)) is Reason.GRANT_ENVIRONMENT
    assert reason(await kept.guard.judge(call(DESTROY), nobody)) is Reason.GRANT_VERB
    whole = kept.requester(grant_environment="production")
    assert reason(await kept.guard.judge(call("rm -rf /srv/production/x"), whole)) is Reason.POLICY_DENY


async def test_reach_speaks_for_the_whole_call_wherever_it_stands(kept: Kept) -> None:
    """Another reason to deny that stands first in the line does not hide that the firewall was touched."""
    kept.snapshot = policies_in(kept.folder / "policies", more_environments=PRODUCTION)
    line = f"rm -rf /srv/production/x; cat {kept.folder}/conf/keystore.key"
    assert reason(await kept.guard.judge(call(line), kept.requester())) is Reason.OWN_REACH


@pytest.mark.parametrize(
    ("verbs", "command"),
    [
        ({Verb.WRITE, Verb.EXEC, Verb.DELETE}, "cat /srv/a"),
        ({Verb.READ, Verb.EXEC, Verb.DELETE}, "touch /srv/a"),
        ({Verb.READ, Verb.WRITE, Verb.EXEC}, DESTROY),
        ({Verb.READ, Verb.WRITE, Verb.DELETE}, "/srv/tool --now"),
    ],
)
async def test_no_verb_implies_another(kept: Kept, verbs: set[Verb], command: str) -> None:
    """Each effect needs its own verb: write does not delete, delete does not read, nothing runs without exec."""
    answer = await kept.guard.judge(call(command), kept.requester(grant_verbs=frozenset(verbs)))
    assert reason(answer) is Reason.GRANT_VERB


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ({"grant_tools": ("Read",)}, Reason.GRANT_TOOL),
        ({"grant_resources": ("file:/srv/other*",)}, Reason.GRANT_RESOURCE),
    ],
)
async def test_tools_and_resources_bound_the_grant(kept: Kept, grant: dict[str, object], expected: Reason) -> None:
    """A tool or resource outside the grant is denied, whoever would approve it."""
    assert reason(await kept.guard.judge(call(DESTROY), kept.requester(**grant))) is expected


async def test_unresolved_environment_is_asked_and_a_foreign_one_is_not(kept: Kept) -> None:
    """What nobody can place may be approved; what lies in another environment may not (DESIGN 4)."""
    kept.snapshot = policies_in(kept.folder / "policies", more_environments=PRODUCTION)
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester()), Wait)
    foreign = await kept.guard.judge(call("cat /srv/production/x"), kept.requester())
    assert reason(foreign) is Reason.GRANT_ENVIRONMENT


async def test_engine_that_fails_denies(kept: Kept) -> None:
    """A policy engine that raises is a deny with its own reason; the call's text is in no log."""
    kept.snapshot = Broken(kept.snapshot)  # type: ignore[assignment]  # stands in for a snapshot that gives up
    answer = await kept.guard.judge(call("ls"), kept.requester())
    assert reason(answer) is Reason.CLASSIFY_FAILED
    assert kept.kinds() == ["tool.judged"]


async def test_what_an_error_says_is_not_logged(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """An error may quote the call: its type is logged, its text never."""
    kept.snapshot = Broken(kept.snapshot)  # type: ignore[assignment]  # stands in for a snapshot that gives up
    with caplog.at_level(logging.DEBUG):
        await kept.guard.judge(call("ls canary-4711"), kept.requester())
    assert "ValueError" in caplog.text
    assert "canary-4711" not in caplog.text


class Broken:
    """A snapshot whose engine raises and quotes what it was asked."""

    def __init__(self, whole: Snapshot) -> None:
        self.digest, self.environments, self.catalogue = whole.digest, whole.environments, whole.catalogue

    def verdict(self, action: object, **_: object) -> None:
        """Give up."""
        raise ValueError(str(action))

    def row(self, ref: str) -> str:
        """Return nothing."""
        return ref


async def test_log_that_takes_nothing_releases_nothing(kept: Kept) -> None:
    """Without the record there is no answer, for allow, ask and deny alike."""
    await kept.installation.writer.stop()
    for command in ("ls", DESTROY, f"cat {kept.folder}/data/log.key"):
        with pytest.raises(StoreError):
            await kept.guard.judge(call(command), kept.requester())
    assert kept.observed == []


MEANINGFUL: list[tuple[str, Callable[[Kept], tuple[ToolCall, Requester]]]] = [
    ("command", lambda kept: (call("rm -rf /srv/data2"), kept.requester())),
    ("one more space", lambda kept: (call(DESTROY + " "), kept.requester())),
    ("an unknown argument", lambda kept: (call(DESTROY, sudo=True), kept.requester())),
    ("tool", lambda kept: (call(DESTROY, tool="bash"), kept.requester())),
    ("principal", lambda kept: (call(DESTROY), kept.requester(grant_agent="other"))),
    ("session", lambda kept: (call(DESTROY), kept.requester(session="ses_2"))),
    ("workspace", lambda kept: (call(DESTROY), kept.requester(grant_workspace=str(kept.folder / "elsewhere")))),
]


@pytest.mark.parametrize("changed", [row[1] for row in MEANINGFUL], ids=[row[0] for row in MEANINGFUL])
async def test_whatever_means_something_changes_the_digest(
    kept: Kept, changed: Callable[[Kept], tuple[ToolCall, Requester]]
) -> None:
    """An approval fits nothing but the call that was read: edit anything and it no longer does."""
    before = kept.considered(call(DESTROY), kept.requester())
    after = kept.considered(*changed(kept))
    assert before.digest != after.digest


async def test_inert_arguments_and_call_ids_change_nothing(kept: Kept) -> None:
    """A new call id, another description, other order of keys: the same call, so the same approval."""
    first = kept.considered(call(DESTROY, ident="a", description="x"), kept.requester())
    second = kept.considered(call(DESTROY, ident="b", description="y"), kept.requester())
    turned = ToolCall("c", "Bash", json.dumps({"description": "z", "command": DESTROY}).encode())
    other_gate = replace(kept.requester(), gate="hooks", token_id="tok_2", lineage=("tok_2",))
    assert {
        first.digest,
        second.digest,
        kept.considered(turned, kept.requester()).digest,
        kept.considered(call(DESTROY), other_gate).digest,
    } == {first.digest}


async def test_script_that_a_call_runs_is_bound_by_content(tmp_path: Path) -> None:
    """A file that the call runs may not change between decision and release."""
    async with keeping(tmp_path, "p, *, *, *, *, *, , ask,\n") as kept:
        script = kept.folder / "workspace" / "run.sh"
        script.write_text("echo safe\n")
        held = await kept.held(call("bash run.sh"), kept.requester())
        await kept.approve(held)
        script.write_text("rm -rf /srv/data\n")
        again = await kept.guard.release(held, kept.requester())
        assert isinstance(again, Wait)
        assert again.approval.id != held.approval.id
        script.write_text("echo safe\n")
        assert isinstance(await kept.guard.release(held, kept.requester()), Go)


async def test_two_identical_calls_at_once_share_one_question(kept: Kept) -> None:
    """Parallel identical calls open one approval between them."""
    first, second = await asyncio.gather(
        kept.guard.judge(call(DESTROY, ident="a"), kept.requester()),
        kept.guard.judge(call(DESTROY, ident="b"), kept.requester()),
    )
    assert isinstance(first, Wait)
    assert isinstance(second, Wait)
    assert first.approval.id == second.approval.id
    assert kept.kinds().count("approval.opened") == 1


async def test_too_many_pending_are_denied_and_the_log_says_so(tmp_path: Path) -> None:
    """Beyond the limit nobody is asked: the answer is a deny, and the log does not end with an open question."""
    async with keeping(tmp_path, max_pending=2) as kept:
        for number in range(2):
            await kept.held(call(f"rm -rf /srv/{number}"), kept.requester())
        answer = await kept.guard.judge(call("rm -rf /srv/many"), kept.requester())
        assert reason(answer) is Reason.APPROVAL_CANCELLED
        assert '"deny"' in json.dumps(kept.body(answer.entry)["data"])
        assert kept.kinds().count("approval.opened") == 2
        assert isinstance(await kept.guard.judge(call("rm -rf /srv/1"), kept.requester()), Wait)


async def test_a_person_reads_every_row_that_asks(kept: Kept) -> None:
    """What two rows oblige to binds together, so both stand there with their texts; the log keeps both, sealed."""
    milder, stricter = "p, *, *, *, *, *, , ask, ttl=5m", "p, *, *, Bash, *, *, , ask, group=oncall;typed=resource"
    kept.snapshot = policies_in(kept.folder / "policies", f"{milder}\n{stricter}\n")
    held = await kept.held(call(DESTROY), kept.requester())
    subject = kept.approvals.get(held.approval.id).subject
    assert subject is not None
    assert subject.row == f"policy.csv:2  {stricter}"
    assert subject.also == (f"policy.csv:1  {milder}",)
    kept.snapshot = policies_in(kept.folder / "policies", f"{stricter}\n")
    alone = kept.considered(call(DESTROY), kept.requester()).subject(kept.requester())
    assert alone.also == ()


async def test_rows_that_change_nothing_for_the_call_still_bind(kept: Kept) -> None:
    """An approval names the row that asked; another row with the same verdict asks anew."""
    before = kept.considered(call(DESTROY), kept.requester())
    assert isinstance(before.verdict, Ask)
    kept.snapshot = policies_in(kept.folder / "policies", f"p, *, *, *, *, *, , ask, ttl=5m\n{ALLOW_ALL}\n")
    after = kept.considered(call(DESTROY), kept.requester())
    assert isinstance(after.verdict, Ask)
    assert before.digest != after.digest
