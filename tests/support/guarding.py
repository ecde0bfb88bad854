"""The guard over the real writer, the real store and real policies, with a clock and a token that tests move."""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firewall.approvals.people import Approver, Roster
from firewall.approvals.service import ApprovalRules, Approvals
from firewall.core.approval import Decision
from firewall.core.call import ToolCall
from firewall.core.grant import Grant
from firewall.core.ports import Sequencer
from firewall.guard.answer import Answer, Wait
from firewall.guard.files import WorkspaceFiles
from firewall.guard.guard import Guard
from firewall.guard.judgement import Judgement
from firewall.guard.reach import Territory, territory
from firewall.guard.requester import Requester
from firewall.policy.defaults import copy_to
from firewall.policy.load import load
from firewall.policy.people import Approvers
from firewall.policy.snapshot import Snapshot
from firewall.sequencer.opening import Installation, Places, create, open_installation
from firewall.tokens.service import Draw
from tests.support.approving import StillClock, Told, new_id

ALICE = Approver("alice", "approver", ("oncall",))
DESTROY = "rm -rf /srv/data"
OWN_PID = 4_194_000


def places_in(folder: Path, *, witness: tuple[str, ...] = ()) -> Places:
    """Return where an installation below `folder` keeps what."""
    data, conf = folder / "data", folder / "conf"
    return Places(
        database=data / "stayhand.db",
        signing_key=data / "log.key",
        keystore=data / "keystore.db",
        keystore_key=conf / "keystore.key",
        verify_key=conf / "verify.key",
        witness=witness,
    )


def policies_in(folder: Path, rows: str = "", *, more_environments: str = "") -> Snapshot:
    """Load the shipped policies, with other rows where some are given; no folder is scratch."""
    shutil.rmtree(folder, ignore_errors=True)
    copy_to(folder)
    if rows:
        (folder / "policy.csv").write_text(rows, encoding="utf-8")
    (folder / "environments.toml").write_text(f"scratch = []\n{more_environments}", encoding="utf-8")
    return load(folder, approvers=Approvers({"alice": frozenset({"oncall"})}))


def call(command: str, *, ident: str = "toolu_1", tool: str = "Bash", **more: object) -> ToolCall:
    """Build a shell call as Claude Code writes it."""
    return ToolCall(ident, tool, json.dumps({"command": command, **more}).encode())


@dataclass(slots=True)
class Kept:
    """One guard with everything around it."""

    folder: Path
    installation: Installation
    clock: StillClock
    approvals: Approvals
    guard: Guard
    ground: Territory
    snapshot: Snapshot
    is_live: bool = True
    observed: list[tuple[Judgement, Answer]] = field(default_factory=list)

    def requester(self, **changes: object) -> Requester:
        """Build somebody with a good token for staging; grant fields are named `grant_…`."""
        wish = {name.removeprefix("grant_"): value for name, value in changes.items() if name.startswith("grant_")}
        rest = {name: value for name, value in changes.items() if not name.startswith("grant_")}
        fields: dict[str, object] = {
            "environment": "staging",
            "owner": "olga",
            "agent": "coding-agent",
            "expires_at": datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC) + timedelta(hours=8),
            "workspace": str(self.folder / "workspace"),
        }
        grant = Grant(**{**fields, **wish})  # type: ignore[arg-type]  # tests name the fields
        plain: dict[str, object] = {
            "token_id": "tok_1",
            "lineage": ("tok_1",),
            "draws": (Draw("tok_1", 0, 0, 0),),
            "grant": grant,
            "principal": f"{grant.owner}/{grant.agent}",
            "session": "ses_1",
        }
        return Requester(**{**plain, **rest})  # type: ignore[arg-type]  # tests name the fields

    def considered(self, tool_call: ToolCall, requester: Requester) -> Judgement:
        """Judge a call as `Guard.judge` does first, without looking anything up or recording anything."""
        return self.guard._judge.consider(tool_call, requester)

    async def held(self, tool_call: ToolCall, requester: Requester) -> Wait:
        """Judge a call that must be asked."""
        answer = await self.guard.judge(tool_call, requester)
        assert isinstance(answer, Wait), answer
        return answer

    async def approve(self, held: Wait) -> None:
        """Let somebody say yes."""
        await self.approvals.decide(held.approval.id, Decision.APPROVE, by=ALICE)

    def entries(self) -> list[tuple[str, str]]:
        """Return (kind, approval) of every entry, oldest first."""
        rows = self.installation.reader.execute("SELECT kind, approval FROM audit_entries ORDER BY seq").fetchall()
        return [(str(kind), str(approval)) for kind, approval in rows]

    def kinds(self) -> list[str]:
        """Return the kind of every entry, oldest first."""
        return [kind for kind, _ in self.entries()]

    def body(self, seq: int) -> dict[str, object]:
        """Return what stands unsealed in an entry."""
        (raw,) = self.installation.reader.execute(
            "SELECT body FROM audit_entries WHERE seq = ?", (seq,)
        ).fetchone()
        found: dict[str, object] = json.loads(raw)
        return found


@asynccontextmanager
async def keeping(
    folder: Path,
    rows: str = "",
    *,
    roster: Roster | Callable[[Installation, StillClock], Roster] | None = None,
    through: Callable[[Sequencer], Sequencer] = lambda writer: writer,
    hooked: Collection[str] = (),
    **rules: object,
) -> AsyncIterator[Kept]:
    """Make an installation in `folder` and put a guard before it.

    `roster`: who may decide, where it matters. `through`: what stands between the guard and the writer.
    `hooked`: agents whose hooks must be heard.
    """
    places = places_in(folder)
    (folder / "workspace").mkdir()
    create(places)
    clock = StillClock()
    installation = open_installation(places, clock)
    approvals = Approvals(
        sequencer=installation.writer,
        store=installation.approving,
        clock=clock,
        rules=ApprovalRules(**rules),  # type: ignore[arg-type]  # tests name the fields
        notifier=Told(),
        new_id=new_id,
        roster=roster(installation, clock) if callable(roster) else roster,
    )
    ground = territory(
        paths=[folder / "data", folder / "conf"],
        ports=[8788],
        hosts=["approvals.example.com"],
        process_ids=[OWN_PID],
        process_names=["stayhand", "python3 -m firewall.cli.main serve", "python"],
    )
    guard = Guard(
        rules=lambda: kept.snapshot,
        territory=ground,
        approvals=approvals,
        sequencer=through(installation.writer),
        clock=clock,
        files=WorkspaceFiles(),
        is_live=lambda _: kept.is_live,
        observe=lambda judgement, _, answer, *, seconds: kept.observed.append((judgement, answer)),  # noqa: ARG005 - a port
        hooked=hooked,
    )
    kept = Kept(folder, installation, clock, approvals, guard, ground, policies_in(folder / "policies", rows))
    try:
        yield kept
    finally:
        await installation.close()
