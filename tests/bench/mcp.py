"""What the MCP gate adds to a call of a tool: direct and through the gate, in turns, over HTTP and to a program.

What is added is measured pair by pair: each call through the gate less the direct one beside it, of one tool of
one server. Who of the two goes first changes every time, for the one behind finds the server awake. A plain
pass-through before the same server over HTTP takes its turn with them. One call at a time finds caches cold and a
machine that just slept, so a call costs more here than under load, on all sides: read the figures in direct calls
and in pass-throughs of their own turns.

The time that an outcome waits for company (`sequencer.writer.LINGER_S`) is on nobody's way: the next call's own
commit takes the outcome of the one before along.
"""

import http.client
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from firewall.codecs.mcp.versions import CAPABILITIES_KEY, MODERN, VERSION_KEY
from tests.bench.mcp_server import COMPACT
from tests.bench.processes import REPOSITORY, Machine, Measured, module, pin
from tests.support.installation import Served, install, serving

ROUNDS = 10
CALLS = 60
"""In each round."""
_WARM = 60
_LEGACY = "2025-06-18"
_PROGRAM = "tests.bench.mcp_server"
_SETTINGS = """
[[mcp_server]]
name = "memory"
environment = "staging"
scoped = true
{where}
"""
_NUMBERS = itertools.count(1)
Ask = Callable[[str, dict[str, object]], dict[str, object]]
"""Sends a request of a method and returns its result."""


@dataclass(frozen=True, slots=True)
class Called:
    """What a call of a tool costs."""

    what: str
    added_ms: float
    """The median of the pairs, in the round with the least; what else a machine does only ever adds."""
    middle_ms: float
    """The median of all pairs."""
    direct_ms: float
    gate_ms: float
    """As the round with the least had them, medians."""
    cpu_us: float
    """Of the firewall, for each call, in the round with the least."""
    in_directs: float
    """What is added, in direct calls of the same round; the median of the rounds."""
    in_passthroughs: float
    """Processor time, in what a plain pass-through takes in the same round; the median of the rounds."""


@dataclass(frozen=True, slots=True)
class _Round:
    """What the calls of one round took, ms, pair by pair, and processor time for each call, us."""

    directs: tuple[float, ...]
    gates: tuple[float, ...]
    cpu_us: float
    plain_us: float

    @property
    def pairs(self) -> tuple[float, ...]:
        """What the gate added to each call."""
        return tuple(gate - direct for direct, gate in zip(self.directs, self.gates, strict=True))

    @property
    def added_ms(self) -> float:
        """Return the median of what the gate added."""
        return statistics.median(self.pairs)

    @property
    def direct_ms(self) -> float:
        """Return the median of the direct calls."""
        return statistics.median(self.directs)


def added(folder: Path, machine: Machine) -> list[Called]:
    """Measure a call that reads and one that writes, both released at once, before either kind of server."""
    with ExitStack() as stack:
        upstream = stack.enter_context(module(_PROGRAM, machine.asking, "--http"))
        passing = stack.enter_context(module("tests.bench.passthrough", machine.serving, str(upstream.port)))
        return _over_http(folder, machine, upstream.port, passing) + _to_a_program(folder, machine, passing)


def _over_http(folder: Path, machine: Machine, port: int, passing: Measured) -> list[Called]:
    (folder / "http").mkdir()
    with ExitStack() as stack:
        where = f'url = "http://127.0.0.1:{port}/mcp"'
        house = _house(stack, folder / "http", where, machine)
        return _measured("over HTTP", house, (_posting(port, "/mcp", ""), _posting(*_gate(house))), passing)


def _to_a_program(folder: Path, machine: Machine, passing: Measured) -> list[Called]:
    (folder / "program").mkdir()
    with ExitStack() as stack:
        command = [sys.executable, "-m", _PROGRAM]
        where = f"command = {json.dumps(command)}\nfolder = {json.dumps(str(REPOSITORY))}"
        house = _house(stack, folder / "program", where, machine)
        direct = stack.enter_context(
            subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        stack.callback(direct.kill)
        pin(direct.pid, machine.serving)  # where the firewall's own program runs
        return _measured("to a program", house, (_piping(direct), _session(*_gate(house))), passing)


def _house(stack: ExitStack, folder: Path, where: str, machine: Machine) -> Served:
    served = stack.enter_context(serving(install(folder, settings=_SETTINGS.format(where=where))))
    pin(served.process.pid, machine.serving)
    return served


def _gate(served: Served) -> tuple[int, str, str]:
    token = served.mint(max_requests_per_minute=1_000_000)
    return int(served.agents.rpartition(":")[2]), "/mcp/memory", token


def _measured(how: str, served: Served, asks: tuple[Ask, ...], passing: Measured) -> list[Called]:
    """Measure both kinds of call; `asks` is the direct way and the one through the gate."""
    return [
        _compared(f"{what} {how}", tool, served, asks, passing)
        for what, tool in (("a read", "open_nodes"), ("a write", "create_entities"))
    ]


def _compared(what: str, tool: str, served: Served, asks: tuple[Ask, ...], passing: Measured) -> Called:
    """Call in turn, so that whatever else the machine does counts on all sides."""
    asks = (*asks, _posting(passing.port, "/mcp", ""))
    for ask in asks * _WARM:
        _ms(ask, tool)
    servers = Measured("stayhand", served.process.pid, 0), passing
    rounds = [_round(servers, tool, asks) for _ in range(ROUNDS)]
    least = min(rounds, key=lambda one: one.added_ms)
    return Called(
        what,
        added_ms=least.added_ms,
        middle_ms=statistics.median(pair for one in rounds for pair in one.pairs),
        direct_ms=least.direct_ms,
        gate_ms=statistics.median(least.gates),
        cpu_us=min(one.cpu_us for one in rounds),
        in_directs=statistics.median(one.added_ms / one.direct_ms for one in rounds),
        in_passthroughs=statistics.median(one.cpu_us / one.plain_us for one in rounds),
    )


def _round(servers: tuple[Measured, Measured], tool: str, asks: tuple[Ask, ...]) -> _Round:
    """Ask direct, through the gate and through the pass-through in turn; `servers` are the latter two."""
    direct, gate, plain = asks
    directs: list[float] = []
    gates: list[float] = []
    before = [server.cpu_us() for server in servers]
    for turn in range(CALLS):
        for ask, times in ((direct, directs), (gate, gates)) if turn % 2 else ((gate, gates), (direct, directs)):
            times.append(_ms(ask, tool))
        _ms(plain, tool)
    cost, passed = ((server.cpu_us() - so_far) / CALLS for server, so_far in zip(servers, before, strict=True))
    return _Round(tuple(directs), tuple(gates), cpu_us=cost, plain_us=passed)


def _ms(ask: Ask, tool: str) -> float:
    wish: dict[str, object] = {"name": tool, "arguments": {"names": [f"note {next(_NUMBERS)}"]}}
    begun = time.perf_counter()
    said = ask("tools/call", wish)
    took = (time.perf_counter() - begun) * 1000
    if said.get("isError") or "three apples" not in str(said.get("content")):
        raise RuntimeError(f"the call was not released, so nothing was measured: {said!r}")
    return took


def _posting(port: int, path: str, token: str) -> Ask:
    """Return a client of 2026-07-28."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    meta = {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}}

    def ask(method: str, params: dict[str, object]) -> dict[str, object]:
        fields = {"mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": str(params["name"])}
        return _posted(connection, path, token, (method, {**params, "_meta": meta}), fields)[0]

    return ask


def _session(port: int, path: str, token: str) -> Ask:
    """Return a client of 2025-06-18 in a session of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    hello = {"protocolVersion": _LEGACY, "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
    _, session = _posted(connection, path, token, ("initialize", hello), {})
    fields = {"mcp-protocol-version": _LEGACY, "mcp-session-id": session}

    def ask(method: str, params: dict[str, object]) -> dict[str, object]:
        return _posted(connection, path, token, (method, params), fields)[0]

    return ask


def _posted(
    connection: http.client.HTTPConnection,
    path: str,
    token: str,
    wish: tuple[str, dict[str, object]],
    fields: dict[str, str],
) -> tuple[dict[str, object], str]:
    """Send a request; returns its result, and the session that the answer begins."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", **fields}
    if token:
        headers["authorization"] = f"Bearer {token}"
    connection.request("POST", path, _message(*wish), headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    return _result(said), answer.getheader("mcp-session-id") or ""


def _piping(process: "subprocess.Popen[bytes]") -> Ask:
    """Return a client of a program's own."""
    into, out = process.stdin, process.stdout
    if into is None or out is None:
        raise RuntimeError("the program has no pipes")

    def ask(method: str, params: dict[str, object]) -> dict[str, object]:
        into.write(_message(method, params) + b"\n")
        into.flush()
        return _result(json.loads(out.readline()))

    return ask


def _message(method: str, params: dict[str, object]) -> bytes:
    said = {"jsonrpc": "2.0", "id": next(_NUMBERS), "method": method, "params": params}
    return json.dumps(said, separators=COMPACT).encode()


def _result(said: dict[str, object]) -> dict[str, object]:
    found = said.get("result")
    if not isinstance(found, dict):
        raise RuntimeError(f"no result, so nothing was measured: {said!r}")  # noqa: TRY004 - of what was heard, not given
    return found
