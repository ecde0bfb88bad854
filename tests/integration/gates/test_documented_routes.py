"""The configuration that docs/routing.md works out is loaded as it is printed there and does what it says."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from firewall.core.attribution import Attribution
from firewall.core.errors import FirewallError
from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Turn
from firewall.demo.serving import served
from firewall.routing.choosing.reading import PHASE
from firewall.routing.configured import described
from firewall.settings.settings import Settings
from tests.support.choosing import House as Planning
from tests.support.choosing import call_of, tags
from tests.support.installation import PROVIDER_KEY, Served, install, serving

PAGE = (Path(__file__).resolve().parents[3] / "docs/routing.md").read_text("utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
WORKED = next(block for block in BLOCKS if "[[provider]]" in block and 'name = "house"' in block)
MODELS = next(block for block in BLOCKS if "[[model]]" in block)
MORE = [block for block in BLOCKS if "[[route]]" in block and block != WORKED]
TOKEN = "ghp_" + "w7R2kq9XbT4mZs8LdPvY3nHc6JfA1eGu5oQi"
DAY = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1_000_000)
NIGHT = int(datetime(2026, 11, 23, 22, tzinfo=UTC).timestamp() * 1_000_000)
PRICES = {"house/qwen4-coder": 1, "anthropic/claude-haiku-5-5": 1}


def planning(models: str = "", **more: object) -> Planning:
    """Return who plans calls under the page's configuration."""
    providers = tuple(described(Settings.model_validate(tomllib.loads(WORKED))))
    routes = WORKED[WORKED.index("[[route]]") :]
    return Planning(routes, models, providers, prices=PRICES, **more)  # type: ignore[arg-type]  # named fields


@pytest.mark.parametrize(
    ("model", "about", "headers", "draw", "at_us", "names"),
    [
        ("coder", Attribution(), {}, 0.5, DAY, ["anthropic/claude-sonnet-5", "anthropic/claude-sonnet-5-5"]),
        ("claude-x", Attribution(), {}, 0.95, DAY, ["anthropic/claude-sonnet-5-5", "anthropic/claude-sonnet-5"]),
        ("coder", tags(sensitivity="internal"), {}, 0.5, DAY, ["house/qwen4-coder"]),
        ("planned", Attribution(), {PHASE: "plan"}, 0.5, DAY, ["anthropic/claude-opus-5-5"]),
        ("planned", Attribution(), {PHASE: "execute"}, 0.5, DAY, ["anthropic/claude-haiku-5-5"]),
        ("cheap", Attribution(), {}, 0.5, NIGHT, ["house/qwen4-coder", "anthropic/claude-haiku-5-5"]),
        ("cheap", Attribution(), {}, 0.5, DAY, ["anthropic/cheap"]),
    ],
)
def test_the_worked_routes_lead_where_the_page_says(
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    about: Attribution,
    headers: Mapping[str, str],
    draw: float,
    at_us: int,
    names: list[str],
) -> None:
    """Shares, labels, phases and hours; whom no route fits, the first provider of the dialect answers."""
    monkeypatch.setattr("firewall.routing.choosing.table.drawn", lambda *_: draw)
    house = planning(now_us=at_us)
    assert house.names(call_of(model, about=about, headers=headers)) == names


def test_a_long_conversation_takes_the_large_window() -> None:
    """By the size of the input alone."""
    long = [{"role": "user", "content": "word " * 150_000}]
    assert planning().plan(call_of("coder", messages=long)).route == "long"


def test_a_found_credential_keeps_the_call_inside() -> None:
    """Nobody needs to say so."""
    assert planning(labels=frozenset({"credentials"})).names(call_of("coder")) == ["house/qwen4-coder"]


def test_the_worked_models_bind_every_route() -> None:
    """Only what was approved answers, for the data that it was approved for, and where constraints let it."""
    house = planning(MODELS)
    assert house.names(call_of("coder")) == ["anthropic/claude-sonnet-5", "anthropic/claude-sonnet-5-5"]
    for call, code in (
        (call_of("planned", headers={PHASE: "plan"}), "model_unapproved"),
        (call_of("coder", about=tags(region="eu")), "constraint_unmet"),
        (call_of("coder", about=tags(sensitivity="personal")), "constraint_unmet"),
    ):
        with pytest.raises(FirewallError) as refused:
            house.plan(call)
        assert refused.value.code == code


@pytest.mark.parametrize("block", MORE, ids=lambda block: re.findall(r'name = "(\w+)"', block)[-1])
def test_the_other_examples_load_beside_it(block: str) -> None:
    """Each is a configuration with the providers of the page, or with its own; each route answers to its name."""
    own = block if "[[provider]]" in block else WORKED[: WORKED.index("[[route]]")] + block
    settings = Settings.model_validate(tomllib.loads(own))
    providers = tuple(described(settings))
    routes = own[own.index("[[route]]") :]
    house = Planning(re.sub(r'json_schema = "[^"]*", ', "", routes), "", providers)  # a file that is not there
    for route in settings.route:
        assert house.plan(call_of(route.name)).route == route.name


@dataclass(slots=True)
class Running:
    """A server with the page's configuration, its providers played by the scripted one."""

    firewall: Served
    provider: str
    token: str

    def ask(self, model: str, words: str = "hello", **headers: str) -> httpx.Response:
        """Ask as a Messages client."""
        return httpx.post(
            f"{self.firewall.agents}/v1/messages",
            json={"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": words}]},
            headers={"x-api-key": self.token, "anthropic-version": "2023-06-01", **headers},
            timeout=30,
            trust_env=False,
        )

    def last_body(self) -> str:
        """Return what a provider was sent last."""
        return str(httpx.get(f"{self.provider}/_seen", trust_env=False).json()[-1]["body"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Only addresses and keys are others than on the page."""
    script = Script(scenes=(Scene(when="", turns=(Turn(text="Fine."),)),))
    with served(app(script, key=PROVIDER_KEY, records=True)) as provider:
        folder = tmp_path_factory.mktemp("documented")
        (folder / "house.key").write_text(PROVIDER_KEY)
        text = WORKED.replace("https://api.anthropic.com", provider).replace("/etc/stayhand", str(folder))
        for address in ("https://api.openai.com/v1", "https://llm.example.internal/v1"):
            text = text.replace(address, f"{provider}/v1")
        installed = install(folder, settings=f"\n{text}")
        keys = {"ANTHROPIC_API_KEY": PROVIDER_KEY, "OPENAI_API_KEY": PROVIDER_KEY}
        with serving(installed, env=keys) as served_now:
            yield Running(served_now, provider, served_now.mint())


@pytest.mark.parametrize(
    ("model", "words", "headers", "route", "answered"),
    [
        ("coder", "hello", {}, "coder", "claude-sonnet-5"),
        ("claude-haiku-4-5", "hello", {}, "coder", "claude-sonnet-5"),
        ("coder", f"push with {TOKEN}", {}, "inside", "qwen4-coder"),
        ("coder", "hello", {"x-stayhand-tags": "sensitivity=internal"}, "inside", "qwen4-coder"),
        ("planned", "hello", {PHASE: "plan"}, "planned", "claude-opus-5-5"),
        ("planned", "hello", {PHASE: "execute"}, "planned", "claude-haiku-5-5"),
    ],
)
def test_a_server_with_the_worked_configuration(
    running: Running, model: str, words: str, headers: dict[str, str], route: str, answered: str
) -> None:
    """The route and the model that the page says answer, in Claude's words whoever it is; a share may be drawn."""
    answer = running.ask(model, words, **headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["content"][0]["text"] == "Fine."
    assert answer.headers["x-stayhand-route"] == route
    assert answer.headers["x-stayhand-model"].startswith(answered)
    assert json.loads(running.last_body())["model"] == answer.headers["x-stayhand-model"]
