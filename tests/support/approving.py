"""Approvals in memory for tests, held to the same contract as the real store."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace

from firewall.approvals.people import Approver
from firewall.approvals.service import ApprovalRules, Approvals, Wanted
from firewall.core.approval import (
    ActionView,
    Answer,
    Approval,
    ApprovalStatus,
    Decision,
    FormRun,
    FormState,
    Subject,
)
from firewall.core.conversation import Kept, read
from firewall.core.errors import StoreError
from firewall.core.glass import BreakGlass, GlassUse, ReviewGlass
from firewall.core.ids import sha256_hex, spell_id
from firewall.core.notice import Notice
from firewall.core.ports import Notifier
from firewall.core.work import (
    BeginForm,
    CastVote,
    Committed,
    EndForm,
    HeedApproval,
    MoveApproval,
    OpenApproval,
    Outcome,
    Record,
    SeeApproval,
    Unit,
    Unmet,
    UseApproval,
)
from firewall.sequencer.sealing import subject_json

START_US = 1_790_000_000_000_000


class WallClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        return time.time_ns() // 1000

    def elapsed_us(self) -> int:
        """Return microseconds since some instant, by a clock that nobody sets."""
        return time.monotonic_ns() // 1000


class StillClock:
    """Time that moves when a test says so; the clock is right until it is set."""

    def __init__(self, now_us: int = START_US) -> None:
        self.now = now_us
        self._set_us = 0

    def now_us(self) -> int:
        """Return what the clock says: unix time in microseconds."""
        return self.now + self._set_us

    def elapsed_us(self) -> int:
        """Return microseconds since some instant: nobody sets them."""
        return self.now

    def set_by(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self._set_us += int(seconds * 1_000_000)

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 1_000_000)


class MemoryLog:
    """Both ports, Sequencer and ApprovalStore, over dictionaries."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.rows: dict[str, Approval] = {}
        self.views: dict[tuple[str, str], int] = {}
        self.glass: dict[str, GlassUse] = {}
        self.talks: dict[str, bytes] = {}
        self.is_failing = False
        self.listed: list[Approver] = []
        self.rights = 0

    def everybody(self) -> list[Approver]:
        """Who may decide, as `Roster` says."""
        return list(self.listed)

    def changes(self) -> int:
        """As `Roster` says."""
        return self.rights

    def permit(self, *people: Approver) -> None:
        """Say who may decide from now on."""
        self.listed, self.rights = [*people], self.rights + 1

    @property
    def is_open(self) -> bool:
        """As the port says."""
        return not self.is_failing

    @property
    def kinds(self) -> list[str]:
        """The kinds of all entries, oldest first."""
        return [record.kind for record in self.records]

    def pseudonym(self, name: str) -> str:
        """As the port says."""
        return f"per_{name[::-1]}"

    async def submit(self, unit: Unit) -> Outcome:
        """As the port says."""
        if self.is_failing:
            raise StoreError("the log cannot be written, so nothing may pass")
        before, glass = dict(self.rows), dict(self.glass)
        for index, step in enumerate(unit.steps):
            unmet = self._apply(step, index)
            if unmet is not None:
                self.rows, self.glass = before, glass
                self.records += unit.otherwise
                return unmet
        first = len(self.records)
        self.records += unit.records
        return Committed(tuple(range(first, len(self.records))))

    def get(self, approval_id: str) -> Approval | None:
        """As the port says."""
        if self.is_failing:
            raise StoreError("the store cannot be read, so nothing may pass")
        return self.rows.get(approval_id)

    def usable(self, principal: str, digest: str, now_us: int) -> Approval | None:
        """As the port says."""
        found = [
            one
            for one in self.rows.values()
            if (one.principal, one.digest, one.status) == (principal, digest, ApprovalStatus.APPROVED)
            and one.use_before > now_us
        ]
        return min(found, key=lambda one: one.decided_at, default=None)

    def bare(self, approval_id: str) -> Approval | None:
        """As the port says."""
        found = self.get(approval_id)
        return None if found is None else replace(found, subject=None, runs=())

    def begun(self) -> list[str]:
        """As the port says."""
        return [one.id for one in self.rows.values() if any(run.state is FormState.BEGUN for run in one.runs)]

    def listing(self, status: str | None, limit: int) -> list[Approval]:
        """As the port says."""
        found = [one for one in self.rows.values() if status is None or one.status.value == status]
        return sorted(found, key=lambda one: -one.opened_at)[:limit]

    def newest(self, status: str | None, limit: int, after: str = "") -> tuple[list[Approval], str]:
        """As the port says."""
        found = self.listing(status, len(self.rows))
        behind = [one.id for one in found].index(after) + 1 if after else 0
        page = found[behind : behind + limit]
        return page, page[-1].id if len(found) > behind + limit else ""

    def waiting(self, now_us: int, limit: int, after: str = "") -> tuple[list[Approval], bool]:
        """As the port says."""
        open_ = sorted(
            (
                one
                for one in self.rows.values()
                if one.status is ApprovalStatus.PENDING and one.expires_at > now_us
            ),
            key=lambda one: (one.expires_at, one.id),
        )
        last = self.rows.get(after)
        behind = [one for one in open_ if last is None or (one.expires_at, one.id) > (last.expires_at, last.id)]
        return behind[:limit], len(behind) > limit

    def settled(self, limit: int) -> list[Approval]:
        """As the port says."""
        found = [one for one in self.rows.values() if one.status is not ApprovalStatus.PENDING]
        return sorted(found, key=lambda one: (-one.opened_at, one.id))[:limit]

    def waits(self, now_us: int, limit: int, since_us: int = 0) -> tuple[int, list[str]]:
        """As the port says."""
        found, _ = self.waiting(now_us, len(self.rows))
        late = sorted((one for one in found if one.opened_at >= since_us), key=lambda one: -one.opened_at)
        return len(found), [one.id for one in late[:limit]]

    def glance(self, approval_id: str) -> tuple[ApprovalStatus, int] | None:
        """As the port says."""
        found = self.get(approval_id)
        return None if found is None else (found.status, len(subject_json(found.subject)))

    def alike(self, approval: Approval, now_us: int, most_bytes: int) -> tuple[list[Approval], int]:
        """As the port says."""
        same = (approval.token, approval.environment, approval.effects)
        found = [
            one
            for one in self.waiting(now_us, len(self.rows))[0]
            if (one.token, one.environment, one.effects) == same
        ]
        small = [one for one in found if len(subject_json(one.subject)) <= most_bytes]
        return sorted(small, key=lambda one: (one.opened_at, one.id)), len(found) - len(small)

    def open_of(self, token: str) -> list[str]:
        """As the port says."""
        is_open = (ApprovalStatus.PENDING, ApprovalStatus.APPROVED)
        return [one.id for one in self.rows.values() if one.token == token and one.status in is_open]

    def earlier(self, approval: Approval, limit: int) -> list[Approval]:
        """As the port says."""
        same = [one for one in self.rows.values() if one.principal == approval.principal and one.id != approval.id]
        before = [one for one in same if one.opened_at <= approval.opened_at]
        return sorted(before, key=lambda one: -one.opened_at)[:limit]

    def answers(self, since_us: int, limit: int) -> list[Answer]:
        """Return votes after an instant, newest first."""
        found = [
            Answer(vote.voter, vote.decision, vote.at, self.views.get((one.id, vote.voter), 0), vote.together)
            for one in self.rows.values()
            for vote in one.votes
            if vote.at > since_us
        ]
        return sorted(found, key=lambda one: -one.at)[:limit]

    def has_conversation(self, approval_id: str) -> bool:
        """As the port says."""
        return approval_id in self.talks

    def conversation(self, approval_id: str) -> Kept | None:
        """As the port says."""
        data = self.talks.get(approval_id)
        return None if data is None else Kept(read(data), sha256_hex(data))

    def due(self, now_us: int) -> list[str]:
        """As the port says."""
        ends = {ApprovalStatus.PENDING: "expires_at", ApprovalStatus.APPROVED: "use_before"}
        return [
            one.id for one in self.rows.values() if one.status in ends and getattr(one, ends[one.status]) <= now_us
        ]

    def glass_use(self, approval_id: str) -> GlassUse | None:
        """As the port says."""
        return self.glass.get(approval_id)

    def glass_uses(self, limit: int, *, is_open: bool, skip: int = 0) -> list[GlassUse]:
        """As the port says."""
        if self.is_failing:
            raise StoreError("the store cannot be read, so nothing may pass")
        found = [one for one in self.glass.values() if one.is_open is is_open]
        return sorted(found, key=lambda one: one.at if is_open else -one.reviewed_at)[skip : skip + limit]

    def glass_open(self) -> int:
        """As the port says."""
        return len(self.glass_uses(len(self.glass), is_open=True))

    def _apply(self, step: object, index: int) -> Unmet | None:
        if isinstance(step, BreakGlass | ReviewGlass):
            return self._break(step, index) if isinstance(step, BreakGlass) else self._review(step, index)
        if isinstance(step, MoveApproval | UseApproval):
            return self._use(step, index) if isinstance(step, UseApproval) else self._move(step, index)
        if isinstance(step, OpenApproval | HeedApproval):
            return self._open(step, index) if isinstance(step, OpenApproval) else self._heed(step, index)
        if isinstance(step, CastVote):
            return self._cast(step, index)
        if isinstance(step, SeeApproval):
            self.views.setdefault((step.approval, step.viewer), step.at)
            return None
        if isinstance(step, BeginForm | EndForm):
            return self._begin(step, index) if isinstance(step, BeginForm) else self._end(step, index)
        raise AssertionError(f"{type(step).__name__} is nothing for approvals")

    def _break(self, step: BreakGlass, index: int) -> Unmet | None:
        times = [one.at for one in self.glass.values() if {one.by, *one.people} & {*step.people}]
        newest = max(times, default=0)
        if sum(at > step.day_from for at in times) >= step.most:
            return Unmet(index, "full", found=step.approval)
        if newest > step.quiet_from:
            return Unmet(index, "too_soon", retry_after_us=newest - step.quiet_from, found=step.approval)
        if step.approval in self.glass:
            return Unmet(index, "moved_on", found=step.approval)
        self.glass[step.approval] = GlassUse(step.approval, step.by, step.at, step.reason, people=step.people)
        self.rows[step.approval] = replace(self.rows[step.approval], glass=True)
        return None

    def _review(self, step: ReviewGlass, index: int) -> Unmet | None:
        use = self.glass.get(step.approval)
        is_fresh = step.roster in (-1, self.rights)
        if use is None or not use.is_open or not is_fresh or {use.by, *use.people} & {step.by, *step.people}:
            return Unmet(index, "moved_on", found=step.approval)
        self.glass[step.approval] = replace(
            use, reviewed_at=step.at, reviewer=step.by, finding=step.finding, note=step.note
        )
        return None

    def _heed(self, step: HeedApproval, index: int) -> Unmet | None:
        row = self.rows.get(step.id)
        given = (ApprovalStatus.APPROVED, ApprovalStatus.CONSUMED)
        stands = row is not None and row.status in given and step.roster in (-1, self.rights)
        return None if stands else Unmet(index, "moved_on", found=step.id)

    def _cast(self, step: CastVote, index: int) -> Unmet | None:
        row = self.rows.get(step.approval)
        if row is None or (row.status, row.digest) != (ApprovalStatus.PENDING, step.digest):
            return Unmet(index, "moved_on", found=step.approval)
        is_running = any(run.state is FormState.BEGUN for run in row.runs)
        is_held = is_running and step.vote.decision is Decision.APPROVE
        is_fresh = step.vote.number == len(row.votes) + 1 and step.roster in (-1, self.rights)
        if is_held or not is_fresh or row.expires_at <= step.vote.at:
            return Unmet(index, "moved_on", found=step.approval)
        self.rows[row.id] = replace(row, votes=(*row.votes, step.vote))
        return None

    def _begin(self, step: BeginForm, index: int) -> Unmet | None:
        row = self.rows.get(step.approval)
        is_quiet = row is not None and all(run.state is not FormState.BEGUN for run in row.runs)
        waits = row is not None and (row.status, row.digest) == (ApprovalStatus.PENDING, step.digest)
        is_fresh = row is not None and step.votes == len(row.votes) and step.roster in (-1, self.rights)
        if row is None or not (is_quiet and waits and is_fresh and row.expires_at > step.at):
            return Unmet(index, "moved_on", found=step.approval)
        run = FormRun(len(row.runs) + 1, step.form, FormState.BEGUN, by=step.by, begun_at=step.at)
        self.rows[row.id] = replace(row, runs=(*row.runs, run))
        return None

    def _end(self, step: EndForm, index: int) -> Unmet | None:
        row = self.rows.get(step.approval)
        if row is None or all(run.state is not FormState.BEGUN for run in row.runs):
            return Unmet(index, "moved_on", found=step.approval)
        ended = replace(row.runs[-1], state=step.state, status=step.status, note=step.note, ended_at=step.at)
        self.rows[row.id] = replace(row, runs=(*row.runs[:-1], ended))
        return None

    def would_open(self, step: OpenApproval) -> bool:
        """Tell whether it would be opened."""
        return self._not_opened(step, 0) is None

    def _not_opened(self, step: OpenApproval, index: int) -> Unmet | None:
        wanted = step.approval
        pending = [
            one
            for one in self.rows.values()
            if one.principal == wanted.principal
            and one.status is ApprovalStatus.PENDING
            and one.expires_at > wanted.opened_at
        ]
        usable = self.usable(wanted.principal, wanted.digest, wanted.opened_at)
        equal = [one for one in (*pending, *([usable] if usable else [])) if one.digest == wanted.digest]
        if equal:
            return Unmet(index, "open_exists", found=equal[0].id)
        denied = self._denied(step)
        if denied:
            return Unmet(index, "denied_before", found=denied)
        if len(pending) >= step.max_pending:
            return Unmet(index, "too_many_pending")
        of_session = sum(one.session == wanted.session for one in pending)
        if wanted.session and step.max_of_session and of_session >= step.max_of_session:
            return Unmet(index, "too_many_of_session")
        return None

    def _open(self, step: OpenApproval, index: int) -> Unmet | None:
        unmet = self._not_opened(step, index)
        if unmet is not None:
            return unmet
        wanted = step.approval
        before = (
            one for one in self.rows.values() if (one.principal, one.digest) == (wanted.principal, wanted.digest)
        )
        authors = {*wanted.authors, *(name for one in before for name in one.authors)}
        self.rows[wanted.id] = replace(wanted, authors=tuple(sorted(authors)))
        if step.conversation:
            self.talks[wanted.id] = step.conversation
        return None

    def _denied(self, step: OpenApproval) -> str:
        wanted = step.approval
        whose = (wanted.principal, wanted.digest)
        equal = [one for one in self.rows.values() if (one.principal, one.digest) == whose]
        found = [
            one
            for one in equal
            if one.status is ApprovalStatus.DENIED
            and (
                (step.denied_since and one.decided_at > step.denied_since)
                or (step.heeds_denial and one is equal[-1] and one.expires_at > wanted.opened_at)
            )
        ]
        return max(found, key=lambda one: one.decided_at).id if found else ""

    def _move(self, step: MoveApproval, index: int) -> Unmet | None:
        unmet = Unmet(index, "moved_on", found=step.id)
        row = self.rows.get(step.id)
        if row is None or row.status is not step.expect or step.digest not in ("", row.digest):
            return unmet
        if step.become is ApprovalStatus.APPROVED and any(run.state is FormState.BEGUN for run in row.runs):
            return unmet
        if step.used not in (-1, row.used):
            return unmet
        limit = row.use_before if step.expect is ApprovalStatus.APPROVED else row.expires_at
        is_late = limit <= step.at
        if step.become is not ApprovalStatus.CANCELLED and is_late is not (step.become is ApprovalStatus.EXPIRED):
            return unmet
        if step.authors and step.instead in self.rows:
            joined = self.rows[step.instead]
            self.rows[joined.id] = replace(joined, authors=(*joined.authors, *step.authors))
        self.rows[step.id] = replace(
            row,
            status=step.become,
            decided_at=step.at if step.by else row.decided_at,
            decided_by=step.by or row.decided_by,
            reason=step.reason or row.reason,
            self_approved=row.self_approved or step.self_approved,
            use_before=max(row.use_before, step.use_before),
            digest=step.rebind or row.digest,
            uses=max(row.uses, step.uses),
            instead=step.instead or row.instead,
            used=row.used + (step.become is ApprovalStatus.CONSUMED),
        )
        return None

    def _use(self, step: UseApproval, index: int) -> Unmet | None:
        row = self.rows.get(step.id)
        fits = row is not None and row.status is ApprovalStatus.APPROVED and row.digest == step.digest
        if (
            row is None
            or not fits
            or row.use_before <= step.at
            or row.used != step.used
            or row.used + 1 >= row.uses
        ):
            return Unmet(index, "moved_on", found=step.id)
        self.rows[step.id] = replace(row, used=row.used + 1)
        return None


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as something holds that other tasks bring about; fail after thirty seconds."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - the condition is a state of foreign objects
            await asyncio.sleep(0.001)


class Told:
    """A notifier that remembers."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.resumed: list[Notice] = []
        self.seen_ones: list[str] = []
        self.endings: list[tuple[str, ApprovalStatus]] = []
        self.places: asyncio.Semaphore | None = None
        self.left: list[str] = []
        self.replaced: list[tuple[str, ApprovalStatus]] = []

    async def room(self) -> bool:
        """As the port says; with `places` each one takes one."""
        return self.places is None or await self.places.acquire()

    def opened(self, notice: Notice, *, is_resumed: bool = False) -> None:
        """As the port says."""
        (self.resumed if is_resumed else self.told).append(notice)

    def seen(self, approval_id: str) -> None:
        """As the port says."""
        self.seen_ones.append(approval_id)

    def settled(self, approval_id: str, status: ApprovalStatus) -> None:
        """As the port says."""
        self.endings.append((approval_id, status))

    def standing(self) -> list[str]:
        """As the port says."""
        return self.left

    async def ended(self, notice: Notice, status: ApprovalStatus) -> None:
        """As the port says."""
        self.replaced.append((notice.id, status))


_numbers = itertools.count(1)

ALICE = Approver("alice", "approver", ("oncall",))
BOB = Approver("bob", "approver")
ROOT = Approver("root", "admin")

COMMAND = "cd /srv && rm -rf /srv/data"


def new_id() -> str:
    """Return a fresh approval id."""
    return spell_id("apr", next(_numbers).to_bytes(16, "big"))


def view(**changes: object) -> ActionView:
    """Build a view of one action."""
    plain = ActionView(
        operation="shell:rm",
        resource="file:/srv/data",
        environment="staging",
        effects=("destructive",),
        summary="Deletes /srv/data and everything in it",
        undo="",
        text=COMMAND,
        evidence=((COMMAND.index("rm"), len(COMMAND), "removes everything below, without asking"),),
        unseen=(),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


def subject(**changes: object) -> Subject:
    """Build what an approval is about."""
    plain = Subject(
        tool="Bash",
        arguments='{"command":"' + COMMAND + '","description":"Clean up old build output"}',
        actions=(view(),),
        agent="claude-code",
        owner="olga",
        session="ses_1",
        workspace="/home/olga/shop",
        row="policy.csv:14  p, coding-agent, staging, *, *, destructive, , ask,",
        said="I will tidy up the old build output now.",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


def wanted(**changes: object) -> Wanted:
    """Build a call that needs an answer."""
    plain = Wanted(
        digest="d" * 64,
        principal="olga/claude-code",
        token="tok_1",
        session="ses_1",
        environment="staging",
        effects=("destructive",),
        subject=subject(),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


def approvals(
    log: MemoryLog,
    clock: StillClock,
    told: Notifier | None = None,
    *,
    may_be_production: Callable[[Approval], bool] | None = None,
    **rules: object,
) -> Approvals:
    """Build the service over a log in memory."""
    return Approvals(
        sequencer=log,
        store=log,
        clock=clock,
        rules=ApprovalRules(**rules),  # type: ignore[arg-type]  # tests name the fields
        notifier=told or Told(),
        new_id=new_id,
        roster=log,
        may_be_production=may_be_production,
    )
