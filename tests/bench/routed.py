"""A chat request with everything on: a route with a chain, breakers, budgets that apply, and the log.

And what failing over adds to the time that a failing provider takes, before the first token.
"""

import http.client
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.processes import Machine, Measured, module, pin
from tests.support.installation import install, serving

REQUESTS = 300
_WARM = 50
_NEVER = 10**15
"""Micro-USD: a cap that counts on every call and is never reached."""
_SETTINGS = """
[[provider]]
name = "first"
dialect = "openai-chat"
base_url = "http://127.0.0.1:{first}/v1"
api_key = {{ env = "SCRIPTED_KEY" }}
breaker = {{ error_percent = 50, p95_ms = 20000, window = "30s", least = 1000 }}

[[provider]]
name = "second"
dialect = "openai-chat"
base_url = "http://127.0.0.1:{second}/v1"
api_key = {{ env = "SCRIPTED_KEY" }}
breaker = {{ error_percent = 50, p95_ms = 20000, window = "30s" }}

[[route]]
name = "bench"
chain = ["first/bench", "second/bench"]
retry = {{ attempts = 0 }}

[[route]]
name = "well"
chain = ["second/bench", "first/bench"]
retry = {{ attempts = 0 }}

[[budget]]
scope = "team"
window = "day"
soft_micros = {soft}
hard_micros = {hard}

[[budget]]
scope = "model"
window = "month"
hard_micros = {hard}
"""
_PRICES = """
[[model]]
provider = "*"
name = "bench"
input_micros_per_million = 3000000
output_micros_per_million = 15000000
"""


@contextmanager
def everything_on(folder: Path, *, first: int, second: int, machine: Machine) -> Iterator[Measured]:
    """Run an installation whose chain is the providers at these ports; its token's own limits are on as well."""
    settings = _SETTINGS.format(first=first, second=second, soft=_NEVER - 1, hard=_NEVER)
    installed = install(folder, settings=settings)
    models = installed.config.with_name("policies") / "models.toml"
    models.write_text(models.read_text() + _PRICES)
    with serving(installed) as served:
        token = served.mint(max_requests_per_minute=100_000_000, money_cap_micros=_NEVER)
        pin(served.process.pid, machine.serving)
        yield Measured("stayhand", served.process.pid, int(served.agents.rpartition(":")[2]), token)


def failing_over_ms(folder: Path, machine: Machine, body: bytes) -> tuple[float, float, float]:
    """Return the medians of what failing over adds, of an answer without it, and of the failing provider; ms."""
    well = body.replace(b'"model":"bench"', b'"model":"well"', 1)
    good = module("tests.bench.upstream", machine.asking)
    bad = module("tests.bench.upstream", machine.asking, "--failing")
    with good as second, bad as first, ExitStack() as stack:
        ports = {"first": first.port, "second": second.port}
        house = stack.enter_context(everything_on(folder, **ports, machine=machine))
        asked, direct = _connection(house.port), _connection(first.port)
        ask = {"content-type": "application/json", "authorization": f"Bearer {house.token}"}
        rounds: list[tuple[float, float, float]] = []
        for _ in range(_WARM + REQUESTS):  # in turn, so that whatever else the machine does counts in all
            failed = _ms(direct, body, ask, status=500)
            plain = _ms(asked, well, ask, attempts=b"1")
            rounds.append((_ms(asked, body, ask, attempts=b"2") - plain - failed, plain, failed))
    added, plain, failed = (statistics.median(column) for column in zip(*rounds[_WARM:], strict=True))
    return added, plain, failed


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def _ms(
    connection: http.client.HTTPConnection,
    body: bytes,
    headers: dict[str, str],
    *,
    status: int = 200,
    attempts: bytes = b"",
) -> float:
    """Ask once; returns the milliseconds until the whole answer.

    Raises: RuntimeError for another status, or another number of attempts than is to be measured.
    """
    begun = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", body, headers)
    answer = connection.getresponse()
    said = answer.read()
    took = (time.perf_counter() - begun) * 1000
    tried = (answer.getheader("x-stayhand-attempts") or "").encode()
    if answer.status != status or tried != attempts:
        raise RuntimeError(f"{answer.status} after {tried!r} attempts: nothing was measured: {said[:200]!r}")
    return took
