"""What an agent's side claims about a call may raise its verdict, and never lowers it (DESIGN 2.11)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firewall.core.reason import Reason
from firewall.core.verdict import Allow, Deny, strictness
from firewall.guard.claims import claimed
from firewall.guard.files import WorkspaceFiles
from tests.support.guarding import DESTROY, Kept, call, keeping

COMMANDS = (
    "ls",
    "rm -rf build",
    DESTROY,
    "echo x > notes.txt",
    "cat .env",
    "git push --force",
    "curl -X POST http://a.b",
)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


async def test_a_folder_outside_the_workspace_raises(kept: Kept) -> None:
    """What is local in the workspace is judged where the agent says that it works as well."""
    inside = kept.considered(call("echo x > notes.txt"), kept.requester())
    assert isinstance(inside.verdict, Allow)
    outside = kept.considered(call("echo x > notes.txt"), kept.requester(cwd="/srv/other"))
    assert strictness(outside.verdict) > strictness(inside.verdict)
    assert {one.resource for one in outside.actions} > {one.resource for one in inside.actions}


async def test_the_workspace_itself_adds_nothing(kept: Kept) -> None:
    """The usual claim costs no second reading and changes no digest."""
    plain = kept.considered(call(DESTROY), kept.requester())
    there = kept.considered(call(DESTROY), kept.requester(cwd=plain.call and str(kept.folder / "workspace")))
    assert (there.actions, there.digest) == (plain.actions, plain.digest)


async def test_a_claimed_environment_that_is_not_the_grants_is_denied(kept: Kept) -> None:
    """A call that says that it lands in production is held at its word."""
    judged = kept.considered(call("ls"), kept.requester(environment="production"))
    assert isinstance(judged.verdict, Deny)
    assert judged.verdict.reason is Reason.GRANT_ENVIRONMENT


async def test_a_claimed_folder_is_read_for_what_the_call_runs(kept: Kept) -> None:
    """A script that lies where the agent says that it works is judged and bound as well."""
    below = kept.folder / "workspace" / "sub"
    below.mkdir()
    (below / "go.sh").write_text(f"{DESTROY}\n")
    requester = kept.requester(cwd=str(below))
    context = kept.guard._judge.context(requester)
    more, files = claimed(call("sh go.sh"), context, WorkspaceFiles(), requester, known=())
    assert str(below / "go.sh") in files
    assert any("destructive" in one.effects for one in more)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    command=st.sampled_from(COMMANDS),
    cwd=st.sampled_from(["", "/", "/srv", "/etc", "/proc/self", "relative", "/work/../.."]),
    environment=st.sampled_from(["", "local", "staging", "production", "dev", "unresolved", "x" * 50]),
)
def test_no_claim_lowers_a_verdict(kept_sync: Kept, command: str, cwd: str, environment: str) -> None:
    """Whatever is claimed, the verdict is at least as strict as without."""
    plain = kept_sync.considered(call(command), kept_sync.requester())
    said = kept_sync.considered(call(command), kept_sync.requester(cwd=cwd, environment=environment))
    assert strictness(said.verdict) >= strictness(plain.verdict)
    assert set(plain.effects) <= set(said.effects)


@pytest.fixture
async def kept_sync(kept: Kept) -> Kept:
    """The same guard, for a property that only considers."""
    return kept
