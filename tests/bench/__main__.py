"""`make bench`: prints what the firewall costs beside its targets, nginx and a plain pass-through. Judges nothing.

Every server is pinned to one processor, the load and the mock provider to another. Processor time per request
comes from the scheduler and is the figure to trust on a shared machine; times to the first byte are not, there.
Servers take turns in short rounds, and a figure is the least of its rounds (as `timeit` says: what else a machine
does only ever adds); beside it stand the median of the rounds and what a plain pass-through took in those turns.
Targets were set on a machine whose pass-through takes 159 us for 2 KB; where it takes 290 us they mean little.
So a figure also stands in pass-throughs of its own turns, median of the turns: 400 us are 2.5, 300 us 1.9.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import bodies, catalogues, egress, hooks, hostile, mcp, micro, nginx, routed, sessions
from tests.bench.processes import REPOSITORY, Load, Machine, Measured, module, pin, run_load
from tests.support.installation import PROVIDER_KEY, Installed, Served, install, serving

ROUNDS = 8
SECONDS = "1"
MANY = 100_000
IN_CONSOLE = 200_000
"""Entries behind the pages of the console; a million take `python -m tests.bench.sessions` some minutes."""
_PROVIDER = """
[[provider]]
name = "bench"
dialect = "openai-chat"
base_url = "http://127.0.0.1:{port}/v1"
api_key = {{ env = "SCRIPTED_KEY" }}

[[target]]
name = "rest"
environment = "staging"
base_url = "http://127.0.0.1:{port}"
pack = "api.github.com"
credential = {{ env = "SCRIPTED_KEY" }}
scoped = true

[[target]]
name = "graphql"
environment = "staging"
kind = "graphql"
base_url = "http://127.0.0.1:{port}"
pack = "backboard.railway.app"
credential = {{ env = "SCRIPTED_KEY" }}
scoped = true
"""
_TARGETS = (
    ("REST write of 1 KB", "400 us", "issue", "/infra/rest/repos/acme/app/issues"),
    ("GraphQL query", "1,000 us", "graphql", "/infra/graphql/graphql/v2"),
)
_PASSTHROUGH = "starlette+aiohttp"
_STREAMING = 200
_QUIET_S = "20"


class Table:
    """The one table; a row is printed as soon as it is known."""

    def __init__(self) -> None:
        self._line("figure", "target", "measured", "beside it")
        self._line("-" * 50, "-" * 13, "-" * 15, "-" * 40)

    def row(self, figure: str, target: str, measured: str, beside: str = "") -> None:
        """Print a row."""
        self._line(figure, target, measured, beside)

    def _line(self, figure: str, target: str, measured: str, beside: str) -> None:
        sys.stdout.write(f"{figure:<50} {target:>13} {measured:>15}  {beside}".rstrip() + "\n")
        sys.stdout.flush()


Loads = dict[str, list[Load]]


def _interleaved(machine: Machine, targets: Sequence[Measured], body: Path, *flags: str) -> Loads:
    """Run the same load on every target in turn, several rounds, after a warm-up."""
    for target in targets:
        run_load(machine, target, body, "--seconds", "0.7", *flags)
    found: Loads = {target.name: [] for target in targets}
    for _ in range(ROUNDS):
        for target in targets:
            found[target.name].append(run_load(machine, target, body, "--seconds", SECONDS, *flags))
    return found


def _costs(loads: Sequence[Load], *, per_event: bool = False) -> list[float]:
    return [load.per_event_us if per_event else load.per_answer_us for load in loads]


def _cost(loads: Sequence[Load], *, per_event: bool = False) -> float:
    return min(_costs(loads, per_event=per_event))


def _others(found: Loads, *, per_event: bool = False) -> str:
    middle = statistics.median(_costs(found["stayhand"], per_event=per_event))
    said = [f"median {middle:.{1 if per_event else 0}f}"]
    said += [
        f"{name} {_cost(loads, per_event=per_event):.0f}" for name, loads in found.items() if name != "stayhand"
    ]
    if not per_event and _PASSTHROUGH in found:
        said.append(f"{_in_passthroughs(found):.2f} of those")
    wrong = sum(load.errors for loads in found.values() for load in loads)
    return ", ".join(said) + (f"; {wrong} ERRORS: {_first_error(found)}" if wrong else "")


def _in_passthroughs(found: Loads) -> float:
    """Return the cost in pass-throughs: the median of the turns, so that a slow moment weighs on both alike."""
    turns = zip(_costs(found["stayhand"]), _costs(found[_PASSTHROUGH]), strict=True)
    return statistics.median(mine / plain for mine, plain in turns)


def _first_error(found: Loads) -> str:
    return next((load.said for loads in found.values() for load in loads if load.said), "cut off")[:200]


@contextmanager
def _firewall(folder: Path, upstream: int, machine: Machine) -> Iterator[tuple[Measured, Installed, float]]:
    """Run a real installation; its token's limits are on and never reached."""
    installed = install(folder, settings=_PROVIDER.format(port=upstream))
    begun = time.perf_counter()
    with serving(installed) as served:
        started_s = time.perf_counter() - begun
        yield _measured(served, machine), installed, started_s


def _measured(served: Served, machine: Machine) -> Measured:
    token = served.mint(max_requests_per_minute=100_000_000)
    pin(served.process.pid, machine.serving)
    return Measured("stayhand", served.process.pid, int(served.agents.rpartition(":")[2]), token)


def _servers(table: Table, folder: Path, machine: Machine) -> None:
    files = bodies.written(folder)
    with ExitStack() as stack:
        fast = stack.enter_context(module("tests.bench.upstream", machine.asking))
        firewall, _, started_s = stack.enter_context(_firewall(folder, fast.port, machine))
        plain = stack.enter_context(module("tests.bench.passthrough", machine.serving, str(fast.port)))
        plain.name = _PASSTHROUGH
        floor = stack.enter_context(nginx.proxy(folder, fast.port, machine.serving))
        if floor is None:
            sys.stdout.write("nginx is not installed: left out\n")
        targets = [*([floor] if floor else []), plain, firewall]
        table.row("start-up, process to both listeners", "2 s", f"{started_s:.2f} s")
        for name, target in (("2 KB", "300 us"), ("57 KB", "600 us")):
            found = _interleaved(machine, targets, files[name])
            mine = found["stayhand"]
            rate = statistics.median(load.answers / load.seconds for load in mine)
            table.row(f"chat {name}, 32 connections, CPU", target, f"{_cost(mine):.0f} us", _others(found))
            table.row(f"chat {name}, answers, p50, p99", "", f"{rate:,.0f}/s", _times(mine))
        found = _interleaved(machine, targets, files["stream"])
        cost = _cost(found["stayhand"], per_event=True)
        table.row("stream relayed, CPU per event", "20 us", f"{cost:.1f} us", _others(found, per_event=True))
        _first_byte(table, machine, targets, files["stream"])
        for name, target, body, path in _TARGETS:
            found = _interleaved(machine, [plain, firewall], files[body], "--path", path)
            table.row(f"target: {name}, CPU", target, f"{_cost(found['stayhand']):.0f} us", _others(found))
        _flat(table, machine, firewall, files["2 KB"])


def _routed(table: Table, folder: Path, machine: Machine) -> None:
    """The same request with everything on that a route may have, and one whose first provider fails."""
    body = bodies.written(folder)["2 KB"]
    with ExitStack() as stack:
        fast = stack.enter_context(module("tests.bench.upstream", machine.asking))
        (folder / "well").mkdir()
        house = routed.everything_on(folder / "well", first=fast.port, second=fast.port, machine=machine)
        plain = stack.enter_context(module("tests.bench.passthrough", machine.serving, str(fast.port)))
        plain.name = _PASSTHROUGH
        found = _interleaved(machine, [plain, stack.enter_context(house)], body)
    figure = "chat 2 KB with route, chain, breaker and budget, CPU"
    table.row(figure, "400 us", f"{_cost(found['stayhand']):.0f} us", _others(found))
    (folder / "failing").mkdir()
    added, plain, failed = routed.failing_over_ms(folder / "failing", machine, body.read_bytes())
    beside = f"without it {plain:.2f} ms, the failing provider took {failed:.2f} ms"
    table.row("failing over before the first token adds, p50", "2 ms", f"{added:.2f} ms", beside)


def _times(loads: Sequence[Load]) -> str:
    p50 = statistics.median(load.whole_p50_ms for load in loads)
    p99 = statistics.median(load.whole_p99_ms for load in loads)
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def _first_byte(table: Table, machine: Machine, targets: Sequence[Measured], body: Path) -> None:
    """Few streams with pauses between them: what a waiting agent feels."""
    found = _interleaved(machine, targets, body, "--connections", "2", "--gap", "0.02")
    first = {name: statistics.median(load.first_p50_ms for load in loads) for name, loads in found.items()}
    said = ", ".join(f"{name} {ms:.2f}" for name, ms in first.items() if name != "stayhand")
    floor = first.get("nginx", first[_PASSTHROUGH])
    table.row("stream, added time to the first byte, p50", "1.5 ms", f"{first['stayhand'] - floor:.2f} ms", said)


def _flat(table: Table, machine: Machine, firewall: Measured, body: Path) -> None:
    """Memory before and after many requests; bounded in time on a slow machine."""
    before = firewall.rss_mib()
    load = run_load(machine, firewall, body, "--requests", str(MANY), "--seconds", "60")
    after = firewall.rss_mib()
    table.row(
        f"memory over {load.answers:,} more requests", "flat", f"{after - before:+.1f} MiB", f"{after:.0f} MiB"
    )


def _many_streams(table: Table, folder: Path, machine: Machine) -> None:
    body = bodies.written(folder)["stream"]
    paced = module("tests.bench.upstream", machine.asking, "--pause", "0.02")
    with paced as upstream, _firewall(folder, upstream.port, machine) as (firewall, _, _):
        load = run_load(machine, firewall, body, "--connections", str(_STREAMING), "--seconds", _QUIET_S, "--once")
    whole = f"{load.answers} whole, {load.events:,} events, {load.per_event_us:.0f} us CPU per paced event"
    beside = whole if load.answers else f"first of them: {load.said[:200]!r}"
    table.row(f"{_STREAMING} streams of 60 events at once", "0 errors", f"{load.errors} errors", beside)


def _steps(table: Table, folder: Path) -> None:
    os.environ.setdefault("SCRIPTED_KEY", PROVIDER_KEY)
    installed = install(folder, settings=_PROVIDER.format(port=9))
    for step in micro.steps(installed.config):
        table.row(step.name, step.target, f"{step.us:,.1f} us")


def _targets(table: Table, folder: Path) -> None:
    added, plain, cost = egress.added_ms(folder)
    beside = f"direct {plain:.2f} ms; CPU {cost:.0f} us"
    table.row("forward proxy, added to a kept-alive request, p50", "15 ms", f"{added:.2f} ms", beside)
    ms, mib = catalogues.loaded()
    table.row("policies and catalogues loaded", "300 ms, 60 MB", f"{ms:.0f} ms, {mib:.0f} MB")


def _hooks(table: Table, folder: Path) -> None:
    for one in hooks.answered_ms(folder):
        beside = f"{one.python}; a Python that does nothing {one.bare:.0f} ms"
        table.row("stayhand hook, start to answer, p50", "60 ms", f"{one.median:.0f} ms", beside)
        table.row(
            f"stayhand hook, start to answer, p99 of {hooks.RUNS}", "150 ms", f"{one.p99:.0f} ms", one.python
        )


def _mcp(table: Table, folder: Path, machine: Machine) -> None:
    for one in mcp.added(folder, machine):
        beside = (
            f"all pairs {one.middle_ms:.2f}; {one.gate_ms:.2f} ms beside {one.direct_ms:.2f} direct, "
            f"{one.in_directs:.1f} of those; "
            f"CPU {one.cpu_us:.0f} us, {one.in_passthroughs:.2f} pass-throughs"
        )
        table.row(f"MCP: {one.what}, added, p50", "2 ms", f"{one.added_ms:.2f} ms", beside)


def _worst(table: Table) -> None:
    """What anybody may make the classifier do at most; tests/fuzz counts the same inputs' work and fails."""
    for row in hostile.worst():
        target = f"{hostile.BAR_MS} ms, {hostile.BAR_MIB} MiB"
        table.row(f"worst {row.reader}", target, f"{row.ms:.1f} ms, {row.mib:.0f} MiB", row.name)


def _audit(entries: int) -> None:
    script = REPOSITORY / "tests" / "bench" / "bench_audit.py"
    sys.stdout.write("audit log (targets: append 5,000/s and p99 50 ms at 64 submitters, verify 150,000/s)\n")
    sys.stdout.flush()
    subprocess.run([sys.executable, str(script), str(entries)], cwd=REPOSITORY, timeout=120, check=True)


def _console() -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.bench.console", "1000000"], cwd=REPOSITORY, timeout=3_600, check=True
    )


def main() -> None:
    """Print the table; a fresh folder beside the checkout's files, because /tmp may be no disk."""
    machine = Machine.here()
    alone = "" if machine.serving != machine.asking else " (one processor only: rates mean little)"
    sys.stdout.write(f"load average {os.getloadavg()[0]:.1f}{alone}; smaller is better, us of CPU per request\n")
    table = Table()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=REPOSITORY) as name:
        folder = Path(name)
        for part in ("servers", "routed", "streams", "egress", "hooks", "mcp", "steps"):
            (folder / part).mkdir()
        _servers(table, folder / "servers", machine)
        _routed(table, folder / "routed", machine)
        _many_streams(table, folder / "streams", machine)
        _targets(table, folder / "egress")
        _hooks(table, folder / "hooks")
        _mcp(table, folder / "mcp", machine)
        _steps(table, folder / "steps")
    _worst(table)
    _audit(60_000)
    sys.stdout.write("pages of the console, asked in process\n")
    sys.stdout.flush()
    sessions.main(IN_CONSOLE)
    _console()


if __name__ == "__main__":
    main()
