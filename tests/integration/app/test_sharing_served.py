"""Two real servers that share circuits through a real Redis, also while it is gone."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from firewall.app.addresses import territory_of
from firewall.app.running import running
from firewall.cli import doctor
from firewall.core.errors import ConfigError
from firewall.settings.load import load_settings
from tests.support.installation import PROVIDER_KEY, Installed, Served, cli, install, serving
from tests.support.moody_provider import Moody, moody_provider
from tests.support.redis_server import RedisServer, redis_server

PASSWORD = "a-password-canary-7"
LIMIT_S = 30
"""Of everything that is waited for."""


def settings_of(moody: Moody, redis: RedisServer) -> str:
    """Return providers that rest long, and soon; both shared, and one that is not."""
    providers = "".join(
        f'\n[[provider]]\nname = "{name}"\ndialect = "anthropic"\nbase_url = "{moody.address}/{name}"\n'
        'api_key = { env = "SCRIPTED_KEY" }\n'
        f'breaker = {{ least = 2, window = "1h", cooldown = "{cooldown}"{more} }}\n'
        f'[[route]]\nname = "{name}"\nchain = ["{name}/claude-sonnet-5"]\nretry = {{ attempts = 0 }}\n'
        for name, cooldown, more in (
            ("long", "10m", ""),
            ("soon", "1s", ""),
            ("own", "10m", ", shared = false"),
            ("late", "10m", ""),
            ("asked", "10m", ""),
        )
    )
    health = 'health = { every = "5s", when = "always" }\n[[route]]\nname = "asked"'
    providers = providers.replace('[[route]]\nname = "asked"', health)
    shared = f'shared = "redis://127.0.0.1:{redis.port}/2"\nshared_password = {{ env = "REDIS_PASSWORD" }}\n'
    return f"\n[storage]\n{shared}{providers}"


@dataclass(slots=True)
class House:
    """What the one story of these tests happens to."""

    redis: RedisServer
    moody: Moody
    one: Served
    two: Served
    tokens: dict[str, str]

    def ask(self, server: Served, model: str) -> httpx.Response:
        """Ask a route of a server once."""
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "words-canary"}]}
        headers = {"x-api-key": self.tokens[server.agents]}
        url = f"{server.agents}/v1/messages"
        return httpx.post(url, json=body, headers=headers, trust_env=False, timeout=120)

    def metrics(self, server: Served) -> str:
        """Return a server's metrics."""
        return httpx.get(f"{server.control}/metrics", headers=server.admin, trust_env=False, timeout=60).text

    def shows(self, server: Served, line: str) -> Callable[[], bool]:
        """Return what tells whether a server's metrics have a line."""
        return lambda: line in self.metrics(server).splitlines()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that happens in the background."""
        end = time.monotonic() + LIMIT_S
        while not is_so():
            assert time.monotonic() < end, self.metrics(self.one) + self.metrics(self.two)
            time.sleep(0.05)

    def doctor(self, server: Served) -> str:
        """Return what the doctor says as an admin."""
        admin = server.installed.shown["admin_token"]
        env = {**os.environ, "STAYHAND_TOKEN": admin, "REDIS_PASSWORD": PASSWORD}
        return cli("--config", str(server.at_its_ports()), "doctor", env=env).stdout


def in_state(provider: str, state: str) -> str:
    """Return the line of the metrics that says so."""
    return f'stayhand_circuits{{provider="{provider}",state="{state}"}} 1.0'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Two servers with the same providers, each with its own log."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(tmp_path, password=PASSWORD))
        moody = stack.enter_context(moody_provider())
        with ThreadPoolExecutor(2) as pool:
            installed = list(pool.map(lambda name: _installed(tmp_path / name, moody, redis), ("one", "two")))
        env = {"REDIS_PASSWORD": PASSWORD, "SCRIPTED_KEY": PROVIDER_KEY}
        one, two = (stack.enter_context(serving(each, env=env)) for each in installed)
        tokens = {each.agents: each.mint(owner="alice") for each in (one, two)}
        yield House(redis, moody, one, two, tokens)


def _installed(folder: Path, moody: Moody, redis: RedisServer) -> Installed:
    folder.mkdir()
    return install(folder, settings=settings_of(moody, redis))


@pytest.mark.timeout(400)
def test_the_whole_story(house: House) -> None:
    """What opens in one is open in both; one of both probes; without Redis each goes on; it is heard again."""
    up = [house.shows(server, "stayhand_shared_up 1.0") for server in (house.one, house.two)]
    for is_up in up:
        house.until(is_up)
    _opens_for_both(house)
    _one_probes(house)
    _holds_no_secret(house)
    _goes_on_alone(house)
    _is_heard_again(house)
    _is_asked_for_nothing(house)


def _opens_for_both(house: House) -> None:
    house.moody.ill |= {"long", "own"}
    for name in ("long", "own"):
        assert [house.ask(house.one, name).status_code for _ in range(2)] == [503, 503]
    house.until(house.shows(house.two, in_state("long", "open")))
    refused = house.ask(house.two, "long")
    assert (refused.status_code, "providers_unavailable" in refused.text) == (503, True)
    assert int(refused.headers["retry-after"]) > 60
    assert house.moody.count("long") == 2
    house.ask(house.two, "own")
    assert house.moody.count("own") == 3
    status = httpx.get(f"{house.two.control}/api/status", headers=house.two.admin, trust_env=False, timeout=60)
    parts = status.json()["parts"]
    assert parts["shared"].startswith("shared, ")
    assert parts["circuits"].startswith("1 of")


def _one_probes(house: House) -> None:
    house.moody.ill |= {"soon"}
    for _ in range(2):
        house.ask(house.one, "soon")
    house.until(house.shows(house.two, in_state("soon", "half_open")))
    house.moody.ill -= {"soon"}
    house.moody.gate.clear()
    before = house.moody.count("soon")
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(_until_answered, house, server) for server in (house.one, house.two)]
        try:
            house.until(lambda: house.moody.count("soon") > before)
            refused = [house.ask(server, "soon") for server in (house.one, house.two) for _ in range(5)]
            asked = house.moody.count("soon")
        finally:
            house.moody.gate.set()
        assert [one.result(LIMIT_S).status_code for one in found] == [200, 200]
    assert [(one.status_code, "providers_unavailable" in one.text) for one in refused] == [(503, True)] * 10
    assert asked == before + 1
    for server in (house.one, house.two):
        house.until(house.shows(server, in_state("soon", "closed")))
        assert house.ask(server, "soon").status_code == 200


def _until_answered(house: House, server: Served) -> httpx.Response:
    """Ask as agents do that are told to come again."""
    end = time.monotonic() + LIMIT_S
    while (answer := house.ask(server, "soon")).status_code == 503 and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def _holds_no_secret(house: House) -> None:
    keys = house.redis.say("-n", "2", "KEYS", "*").split()
    assert len(keys) >= 3
    told = [house.redis.say("-n", "2", "HGETALL", key) for key in keys if ":circuit:" in key]
    assert any("claude-sonnet-5" in one for one in told)
    everything = " ".join([*keys, *told, *house.one.lines, *house.two.lines])
    for secret in (PROVIDER_KEY, PASSWORD, "words-canary", *house.tokens.values()):
        assert secret not in everything


def _goes_on_alone(house: House) -> None:
    house.redis.stop()
    for server in (house.one, house.two):
        house.until(house.shows(server, "stayhand_shared_up 0.0"))
        assert house.ask(server, "soon").status_code == 200
        assert house.ask(server, "long").status_code == 503
    assert house.moody.count("long") == 2
    house.moody.ill |= {"late"}
    for server in (house.two, house.two, house.two, house.one):
        assert house.ask(server, "late").status_code == 503
    assert house.moody.count("late") == 3  # two of the second, which then left it alone, and one of the first
    assert "each process decides for itself" in house.doctor(house.one)
    assert 'stayhand_shared_failures_total{why="refused"}' in house.metrics(house.one)
    house.until(lambda: any("this process decides for itself" in line for line in house.one.lines))


def _is_heard_again(house: House) -> None:
    house.redis.start()
    for server in (house.one, house.two):
        house.until(house.shows(server, "stayhand_shared_up 1.0"))
    house.until(house.shows(house.one, in_state("late", "open")))
    assert house.ask(house.one, "late").status_code == 503
    assert house.moody.count("late") == 3
    with house.redis.silent():
        assert house.ask(house.one, "soon").status_code == 200
        assert house.ask(house.two, "soon").status_code == 200


def _is_asked_for_nothing(house: House) -> None:
    house.until(lambda: 'stayhand_health_probes_total{outcome="ok",provider="asked"}' in house.metrics(house.two))
    asked = [(body, headers) for label, body, headers in house.moody.seen if label == "GET asked v1/models"]
    assert asked
    for body, headers in asked:
        assert body == b""
        assert headers["x-api-key"] == PROVIDER_KEY
        assert not any(token in str(headers) for token in house.tokens.values())
    spent = httpx.get(
        f"{house.two.control}/api/spend?by=provider", headers=house.two.admin, trust_env=False, timeout=60
    )
    assert spent.status_code == 200
    assert "soon" in spent.text
    assert "asked" not in spent.text


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('shared = "http://127.0.0.1:1"', "redis://"),
        ('shared = "redis://"', "redis://"),
        ('shared = "redis://user:pass@127.0.0.1:1"', "by reference"),
        ('shared = "redis://127.0.0.1:1/names"', "number of a database"),
        ('shared = "redis://127.0.0.1:1?ssl=no"', "no options"),
        ('shared = "redis://127.0.0.1:99999"', "Port out of range"),
        ('shared = "redis://127.0.0.1:1"\nshared_roots = "ca.pem"', "rediss://"),
        ('shared = "redis://127.0.0.1:1"\nshared_prefix = "a:b"', "letters, digits"),
        (
            'shared = "redis://127.0.0.1:1"\nshared_password = { vault = "redis" }',
            "a variable, a file or a command",
        ),
        ('shared_password = { env = "X" }', "mean nothing without"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, section: str, words: str) -> None:
    """At load, naming what is wrong."""
    path = tmp_path / "stayhand.toml"
    path.write_text(f"[storage]\n{section}\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(str(path), {})
    assert words in caught.value.public + caught.value.hint
    assert "pass" not in caught.value.public.replace("password", "")


def test_what_is_shared_needs_a_place(tmp_path: Path) -> None:
    """`shared = true` of a provider without a Redis is refused, not ignored."""
    path = tmp_path / "stayhand.toml"
    path.write_text(
        '[[provider]]\nname = "p"\ndialect = "anthropic"\nbase_url = "https://x.example.com"\n'
        'api_key = "client"\n'
        "breaker = { shared = true }\n"
    )
    with pytest.raises(ConfigError, match="shared nowhere"):
        load_settings(str(path), {})


async def test_what_the_shared_redis_needs_is_asked_for_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is not set, a library that is missing: said with what to do, and nothing starts."""
    address = 'shared = "redis://127.0.0.1:1"'
    installed = install(tmp_path, settings=f'\n[storage]\n{address}\nshared_password = {{ env = "NOT_SET" }}\n')
    settings = load_settings(str(installed.config), {})
    with pytest.raises(ConfigError, match="the shared Redis"):
        async with running(settings):
            pass
    monkeypatch.setitem(sys.modules, "firewall.storage.redis.circuits", None)
    with pytest.raises(ConfigError) as caught:
        async with running(settings):
            pass
    assert "stayhand[redis]" in caught.value.hint


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('shared = "redis://127.0.0.1:1"', []),
        ('shared = "redis://cache.internal"', ["in the clear", "can keep providers from being asked"]),
        ('shared = "rediss://cache.internal"', ["can keep providers from being asked"]),
        ('shared = "rediss://cache.internal"\nshared_password = { env = "X" }', []),
        ("", []),
    ],
)
def test_the_doctor_looks_at_the_way_to_redis(tmp_path: Path, section: str, said: list[str]) -> None:
    """What goes in the clear, or lies open to whoever reaches it, is a line with a hint."""
    path = tmp_path / "stayhand.toml"
    path.write_text(f"[storage]\n{section}\n")
    found = list(doctor._shared(load_settings(str(path), {})))
    assert len(found) == len(said)
    assert all(words in one.what and one.hint for words, one in zip(said, found, strict=True))


async def test_agents_do_not_reach_the_shared_redis(tmp_path: Path) -> None:
    """Whoever writes there decides who is asked: its address is the firewall's own."""
    path = tmp_path / "stayhand.toml"
    path.write_text('[storage]\nshared = "redis://cache.internal:6390"\n')
    ground = territory_of(load_settings(str(path), {}))
    assert 6390 in ground.ports
    assert "cache.internal" in ground.hosts
