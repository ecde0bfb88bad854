"""The console over a long log and ten thousand approvals, three thousand of them waiting: how long pages take.

The log is written by the sequencer, 4,096 entries in a commit, under a clock that steps through thirty days; the
index by its own process's code; then a real server is asked over loopback by an admin. The first figure of a line
is the server's own processor time, the least of the rounds, as elsewhere in `make bench`; behind it that of the
first look, how long the whole answer took, client included, and what a browser loads that comes for the first
time: the page and the styles and scripts that it names. A third as many calls as entries have a price. Nothing is
judged.

    python -m tests.bench.console [ENTRIES]     # 50,000 unless told; 1000000 is what the targets are for
"""

import asyncio
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from firewall.app.addresses import places_of
from firewall.console.explorer.indexing import index
from firewall.console.explorer.log import Log
from firewall.core.approval import Approval, ApprovalStatus
from firewall.core.attribution import Attribution
from firewall.core.ids import spell_id
from firewall.core.spending import Line, Settle, State
from firewall.core.work import MoveApproval, OpenApproval, Record, Step, Unit, Unmet
from firewall.sequencer.opening import Installation, open_installation
from firewall.settings.load import load_settings
from tests.bench.processes import Measured
from tests.support.approving import subject
from tests.support.installation import Installed, Served, install, serving

ENTRIES = 50_000
APPROVALS = 10_000
STATES = (
    *("pending",) * 6,
    *("denied",) * 7,
    *("consumed",) * 6,
    "cancelled",
)
"""What becomes of twenty approvals in a row: a queue after a bad day, and what was answered before."""
IN_A_COMMIT = 4_096
ROUNDS = 15
_OTHERS = (
    "live", "sessions", "tokens", "policies", "policies/simulate", "routes", "routes/history", "spend",
    "providers", "approvers", "reviews", "passkeys",
)  # fmt: skip
_DAYS_US = 30 * 86_400 * 1_000_000
_PEOPLE = ("alice", "bob", "carol", "dora", "emil", "fred", "gina", "hans", "iris", "jose")
_WORDS = ("volume", "backup", "deploy", "migrate", "payroll", "invoice", "branch", "cluster", "secret", "cache")


@dataclass(slots=True)
class Steps:
    """A clock that is told how far the log is."""

    now: int

    def now_us(self) -> int:
        """Return unix time in microseconds."""
        return self.now


@dataclass(frozen=True, slots=True)
class Figure:
    """What something took, in milliseconds."""

    what: str
    cpu: float
    """Of the server, the least of the rounds."""
    first: float
    """Of the server, at the first look."""
    wall: float
    """Of the whole answer, the least of the rounds."""
    kb: float
    """Of a first load."""


def main() -> None:
    """Print the figures."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        for line in measured(Path(name), entries):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def measured(folder: Path, entries: int) -> Iterator[str]:
    """Yield lines of figures; `folder` lies on a disk."""
    yield f"console over {entries:,} entries and {APPROVALS:,} approvals"
    yield "  (targets: pages 100 ms, search 300 ms, a first load 100 kB)"
    installed = install(folder)
    began = time.perf_counter()
    asyncio.run(_written(installed, entries))
    took = time.perf_counter() - began
    size = installed.database.stat().st_size
    yield f"  written in {took:.0f} s, {entries / took:,.0f} entries/s; {size / entries:.0f} B an entry"
    began = time.process_time()
    indexed = _indexed(installed)
    took = time.process_time() - began
    beside = installed.database.with_name("search.db").stat().st_size
    each, bytes_each = 1e6 * took / max(1, indexed), beside / max(1, indexed)
    yield f"  indexed {indexed:,} at {each:.0f} us of CPU and {bytes_each:.0f} B an entry"
    with serving(installed) as served:
        for one in _asked(served, entries):
            rest = f"first {one.first:7.1f}   answered in {one.wall:7.1f} ms   {one.kb:5.1f} kB"
            yield f"  {one.what:<52} {one.cpu:7.1f} ms of CPU   {rest}"


async def _written(installed: Installed, entries: int) -> None:
    now = time.time_ns() // 1000
    clock = Steps(now - _DAYS_US)
    installation = open_installation(places_of(load_settings(str(installed.config))), clock)
    try:
        await _approvals(installation, clock, now)
        dice = random.Random(4711)  # noqa: S311 - no secret
        written = installation.writer.size
        while written < entries:
            count = min(IN_A_COMMIT, entries - written)
            records = tuple(_record(dice, written + at) for at in range(count))
            clock.now = now - _DAYS_US + _DAYS_US * written // entries
            priced = tuple(_priced(dice, written + at, clock.now) for at in range(0, count, 3))
            await installation.writer.submit(Unit(records=records, steps=priced))
            written += count
    finally:
        await installation.close()


async def _approvals(installation: Installation, clock: Steps, now: int) -> None:
    clock.now = now
    waiting: list[Step] = []
    for at in range(APPROVALS):
        one = _approval(installation, at, now)
        waiting.append(OpenApproval(one, max_pending=APPROVALS))
        waiting += _moves(one, STATES[at % len(STATES)])
        if len(waiting) > 1_000:
            await _built(installation, waiting)
    await _built(installation, waiting)


async def _built(installation: Installation, steps: list[Step]) -> None:
    outcome = await installation.writer.submit(Unit(steps=tuple(steps)))
    if isinstance(outcome, Unmet):
        raise TypeError(f"the approvals of the bench were refused: {outcome}")
    steps.clear()


def _moves(one: Approval, state: str) -> list[Step]:
    pending, approved, at = ApprovalStatus.PENDING, ApprovalStatus.APPROVED, one.opened_at
    if state == "pending":
        return []
    if state == "consumed":
        return [
            MoveApproval(one.id, expect=pending, become=approved, at=at, use_before=one.expires_at),
            MoveApproval(one.id, expect=approved, become=ApprovalStatus.CONSUMED, at=at),
        ]
    return [MoveApproval(one.id, expect=pending, become=ApprovalStatus(state), at=at)]


def _approval(installation: Installation, at: int, now: int) -> Approval:
    owner = _PEOPLE[at % len(_PEOPLE)]
    return Approval(
        id=spell_id("apr", at.to_bytes(17, "big")),
        status=ApprovalStatus.PENDING,
        digest=f"{at:064x}",
        principal=installation.sealing.pseudonym(f"{owner}/claude"),
        token="tok_0000000000000000000000",
        session=f"ses_{at % 100:022}",
        environment="staging",
        effects=("destructive",),
        opened_at=now - at * 1_000_000,
        expires_at=now + 86_400 * 1_000_000,
        subject=replace(subject(), owner=owner),
    )


def _priced(dice: random.Random, number: int, at_us: int) -> Settle:
    about = Attribution(feature=f"feature-{dice.randrange(12)}", team=f"team-{dice.randrange(8)}", user_tier="pro")
    line = Line(
        call=f"cal_{number:032}", at_us=at_us, state=State.EXACT, cost_micros=dice.randrange(50_000),
        provider=dice.choice(("anthropic", "openai")), model=f"model-{dice.randrange(4)}", about=about,
    )  # fmt: skip
    return Settle(line)


def _record(dice: random.Random, seq: int) -> Record:
    owner, word, other = dice.choice(_PEOPLE), dice.choice(_WORDS), dice.choice(_WORDS)
    is_rare = seq % 50_000 == 7
    resource = "volume:railway/needle" if is_rare else f"{word}:railway/{word}_{dice.randrange(2_000)}"
    environment = dice.choice(("staging", "staging", "staging", "production"))
    effect = dice.choice(("read", "read", "read", "write", "destructive"))
    verdict = "deny" if is_rare else {"destructive": "ask"}.get(effect, "allow")
    return Record(
        kind="tool.judged",
        data={
            "verdict": verdict, "reason": "policy:row:matched", "row": "policy.csv:14",
            "effects": (effect,),
            "environment": environment, "actions": 1, "digest": f"{seq:064x}", "policy": "5" * 64,
            "gate": "models",
            "token": f"tok_{seq % 5_000:022}",
        },
        person=owner,
        principal=f"{owner}/{dice.choice(('claude', 'codex'))}",
        private={
            "tool": "Bash",
            "call": f"toolu_{dice.getrandbits(96):024x}",
            "arguments": f'{{"command":"railway {word} rm {word}_{seq % 997} --yes && echo {other} done"}}',
            "actions": [
                {"operation": "railway:rm", "resource": resource, "environment": environment, "effects": [effect],
                 "summary": f"Deletes the {word} {seq % 997} of {owner}"}
            ],
            "detail": "",
            "session": f"ses_{seq % 20_000:022}",
        },
    )  # fmt: skip


def _indexed(installed: Installed) -> int:
    settings = load_settings(str(installed.config))
    installation = open_installation(places_of(settings), Steps(time.time_ns() // 1000))
    log = Log(settings.database, installation.keystore)
    try:
        return index(log, installation.keystore, settings.data_dir / "search.db")
    finally:
        log.close()
        asyncio.run(installation.close())


def _asked(served: Served, entries: int) -> Iterator[Figure]:
    with httpx.Client(base_url=served.control, trust_env=False, timeout=60) as client:
        origin = {"origin": served.control, "sec-fetch-site": "same-origin"}
        made = client.post("/api/approvers", json={"name": "bench", "role": "admin"}, headers=served.admin).json()
        fields = {"name": "bench", "passphrase": made["passphrase"], "next": "/console/"}
        answer = client.post("/console/sign-in", data=fields, headers=origin)
        cookies = "; ".join(re.findall(r"^([^;]+)", value)[0] for value in answer.headers.get_list("set-cookie"))
        headers = {"cookie": cookies}
        server = Measured("stayhand", served.process.pid, 0)
        for what, path in _pages(client, headers, entries):
            yield _figure(client, headers, server, what, path)


def _pages(client: httpx.Client, headers: dict[str, str], entries: int) -> Sequence[tuple[str, str]]:
    queue = client.get("/console/", headers=headers).text
    found = re.search(r'href="(/approve/apr_[^"]+)"', queue)
    approval = found[1] if found else "/console/"
    text, api, production = "/console/log?text=", "/api/entries?", "environment=production"
    return (
        ("queue", "/console/"),
        ("queue, what a page asks every few seconds", "/console/waiting"),
        ("one approval", approval),
        *((f"page {path}", f"/console/{path}") for path in _OTHERS),
        ("spend of 90 days", "/console/spend?days=90"),
        ("API: approvals", "/api/approvals"),
        ("API: spend by feature, 30 days", "/api/spend?by=feature&since=30d"),
        ("log, newest", "/console/log"),
        ("log, one entry with its proof", f"/console/log/{entries // 2}"),
        ("log, older than the middle", f"/console/log?before={entries // 2}"),
        ("search: a frequent word", f"{text}payroll"),
        ("search: a word that is nowhere", f"{text}nowhereatall"),
        ("search: one of twenty entries by its resource", "/console/log?resource=volume:railway/needle"),
        ("search: a session", f"/console/log?session=ses_{4711:022}"),
        ("search: what a person destroys in production", f"{api}actor=alice&effect=destructive&{production}"),
        ("search: a rare verdict", "/console/log?verdict=deny"),
        (
            "search: nothing has both",
            f"{api}verdict=deny&environment=production&effect=write&kind=tool&text=nowhere",
        ),
        ("search: columns that never meet", f"{api}environment=production&verdict=allow&effect=destructive"),
        ("search: a time of long ago, and a word", f"{text}invoice&until=25d"),
        ("search: an approval", f"/console/log?approval={approval.removeprefix('/approve/')}"),
    )


def _figure(client: httpx.Client, headers: dict[str, str], server: Measured, what: str, path: str) -> Figure:
    took, used = [], []
    for _ in range(ROUNDS):
        began, before = time.perf_counter(), server.cpu_us()
        answer = client.get(path, headers=headers)
        took.append(1000 * (time.perf_counter() - began))
        used.append((server.cpu_us() - before) / 1000)
        if answer.status_code != 200 or "Passphrase" in answer.text:
            raise RuntimeError(f"{path}: {answer.status_code}")
    loaded = len(answer.content)
    if answer.headers["content-type"].startswith("text/html"):
        loaded += sum(len(client.get(one, headers=headers).content) for one in _named(answer.text))
    return Figure(what, min(used), used[0], min(took), loaded / 1000)


def _named(page: str) -> set[str]:
    """Return the styles, scripts and pictures that a page loads."""
    return set(re.findall(r'<(?:script|img)[^>]* src="([^"]+)"', page)) | set(
        re.findall(r'<link[^>]* href="([^"]+)"', page)
    )


if __name__ == "__main__":
    main()
