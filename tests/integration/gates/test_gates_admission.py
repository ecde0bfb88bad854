"""Who gets in, with what, how often; and whose secrets go where."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firewall.core.token import TokenKind, spell
from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Shell, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving
from tests.support.speaking import DIALECTS, Agent, agent_of, credentials, request

SCRIPT = Script(
    scenes=(
        Scene(when="look", turns=(Turn(text="I look.", calls=(Shell("ls"),)),)),
        Scene(when="remove", turns=(Turn(text="I remove it.", calls=(Shell("rm -rf /srv/data"),)),)),
        Scene(when="", turns=(Turn(text="Fine."),)),
    )
)
EVERY = pytest.mark.parametrize("dialect", DIALECTS)


@dataclass(slots=True)
class House:
    """A server and the provider behind it."""

    firewall: Served
    provider: str

    def seen(self) -> list[dict[str, object]]:
        """Return everything that the provider was sent."""
        found: list[dict[str, object]] = httpx.get(f"{self.provider}/_seen", trust_env=False).json()
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server whose holds are short."""
    with served(app(SCRIPT, key=PROVIDER_KEY, records=True)) as provider:
        installed = install(tmp_path_factory.mktemp("admission"), provider=provider, models="hold_s = 1")
        with serving(installed) as running:
            yield House(running, provider)


@EVERY
def test_model_outside_the_grant_is_not_found(house: House, dialect: str) -> None:
    """A model that the token may not use looks as if it did not exist, and the provider hears nothing."""
    agent = agent_of(house.firewall, dialect, models=["other-*"])
    before = len(house.seen())
    said = agent.ask("look", stream=False)
    assert said.status == 404
    assert "model_not_found" in said.raw or "not available" in said.raw
    assert len(house.seen()) == before


@EVERY
def test_unknown_option_is_refused_by_name(house: House, dialect: str) -> None:
    """An option that nobody knows is refused with its name, in the dialect's form, and goes nowhere."""
    before = len(house.seen())
    said = agent_of(house.firewall, dialect).ask("look", stream=False, frobnicate=True)
    assert said.status == 400
    assert "frobnicate" in said.error
    assert len(house.seen()) == before


@pytest.mark.parametrize(
    ("dialect", "option"),
    [
        ("anthropic", {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}),
        ("anthropic", {"mcp_servers": [{"type": "url", "name": "x", "url": "https://evil.example.com/mcp"}]}),
        ("responses", {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
        ("responses", {"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://evil.example.com"}]}),
        ("gemini", {"tools": [{"codeExecution": {}}]}),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_tools_that_the_provider_runs_are_judged_before_the_request_is_sent(
    house: House, dialect: str, option: dict[str, object], *, stream: bool
) -> None:
    """Nobody agreed, so the request never leaves; the client is told why in its own form."""
    before = len(house.seen())
    path, body = request(dialect, "look", stream=stream)
    agent = agent_of(house.firewall, dialect)
    answer = httpx.post(
        f"{house.firewall.agents}{path}",
        json={**body, **option},
        headers=credentials(dialect, agent.token),
        timeout=60,
        trust_env=False,
    )
    assert "[stayhand]" in answer.text or answer.status_code in (400, 403), answer.text
    if answer.status_code == 200:
        assert answer.headers["x-stayhand-attempts"] == "0"
        assert {"x-stayhand-model", "x-stayhand-route"} <= set(answer.headers)
    assert len(house.seen()) == before


def test_ids_of_the_provider_are_good_only_for_whom_they_were_issued(house: House) -> None:
    """A response id is accepted from the agent that got it and from nobody else; a guessed one from nobody."""
    agent, other = agent_of(house.firewall, "responses"), agent_of(house.firewall, "responses")
    issued = agent.ask("hello", stream=False).ident
    assert issued
    for one, ident, status in ((other, issued, 400), (agent, "resp_guessed", 400)):
        said = one.ask("hello", stream=False, previous_response_id=ident)
        assert (said.status, "reference_unknown" in said.raw) == (status, True)
    mine = agent.ask("hello", stream=False, previous_response_id=issued)
    assert "reference_unknown" not in mine.raw


def test_nothing_is_kept_at_the_provider(house: House) -> None:
    """`store` goes upstream as false, whatever the client says; background work is refused."""
    agent = agent_of(house.firewall, "responses")
    agent.ask("hello store", stream=False, store=True)
    sent = [str(one["body"]) for one in house.seen() if "hello store" in str(one["body"])]
    assert sent
    assert all('"store":false' in body.replace(" ", "") for body in sent)
    assert agent.ask("hello", stream=False, background=True).status == 400


@EVERY
def test_secrets_stay_on_their_side(house: House, dialect: str) -> None:
    """Our token never goes upstream, in no header or body; the provider's key never comes back."""
    agent = agent_of(house.firewall, dialect)
    hostile = {
        "api-base": "https://evil.example.com", "x-litellm-api-base": "https://evil.example.com",
        "x-portkey-provider": "evil", "x-forwarded-host": "evil.example.com", "cookie": f"a={agent.token}",
        "x-stayhand-tags": "a=b",
    }  # fmt: skip
    path, body = request(dialect, f"look {agent.name}", stream=False)
    joint = "&" if "?" in path else "?"
    answers = [
        agent.ask(f"look {agent.name}", headers=hostile).raw,
        agent.ask(f"look {agent.name}", stream=False).raw,
        httpx.post(
            f"{house.firewall.agents}{path}{joint}key={agent.token}",
            json=body,
            headers=credentials(dialect, agent.token),
            timeout=60,
            trust_env=False,
        ).text,
    ]
    sent = [str(one) for one in house.seen() if agent.name in str(one["body"])]
    assert sent
    assert not any("shd_" in one or "evil" in one for one in sent)
    metrics = httpx.get(f"{house.firewall.control}/metrics", headers=house.firewall.admin, trust_env=False).text
    files = [path.read_bytes() for path in house.firewall.installed.database.parent.iterdir() if path.is_file()]
    written = "".join([*answers, *house.firewall.lines, metrics])
    for secret in (PROVIDER_KEY, agent.token):
        assert secret not in written
        assert not any(secret.encode() in data for data in files)
    assert agent.name not in metrics


def echo() -> Starlette:
    """A careless provider that repeats the key it was sent, in errors, headers and answers."""

    async def speak(request: Request) -> Response:
        key = request.headers.get("x-api-key") or request.headers.get("authorization") or ""
        key = key or request.headers.get("x-goog-api-key", "")
        body = {"error": {"message": f"Incorrect API key provided: {key}", "type": "auth", "code": "bad_key"}}
        return JSONResponse({"type": "error", **body}, status_code=401, headers={"x-debug-key": key})

    return Starlette(routes=[Route("/{path:path}", speak, methods=["POST", "GET"])])


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_provider_that_repeats_its_key_is_not_passed_on(
    tmp_path_factory: pytest.TempPathFactory, *, stream: bool
) -> None:
    """Even an error that quotes the key reaches the agent without it, in body and headers."""
    with served(echo()) as provider:
        installed = install(tmp_path_factory.mktemp("echo"), provider=provider)
        with serving(installed) as running:
            for dialect in DIALECTS:
                said = agent_of(running, dialect).ask("look", stream=stream)
                assert said.status >= 400
                assert PROVIDER_KEY not in said.raw
                assert PROVIDER_KEY not in str(said.headers)
            assert PROVIDER_KEY not in "".join(running.lines)


@EVERY
def test_rate_limit_is_exact_and_says_when(tmp_path_factory: pytest.TempPathFactory, dialect: str) -> None:
    """One a minute: the second is 429 with Retry-After, also after a restart; another owner's agent is served."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("rate"), provider=provider)
        with serving(installed) as running:
            agent = agent_of(running, dialect, max_requests_per_minute=1)
            assert agent.ask("look", stream=False).status == 200
            limited = agent.ask("look", stream=False)
            assert limited.status == 429
            assert 1 <= int(limited.headers["retry-after"]) <= 61
            assert limited.error
            assert agent_of(running, dialect, owner="bob").ask("look", stream=False).status == 200
        with serving(installed) as running:
            again = Agent(running, dialect, agent.name, agent.token)
            assert again.ask("look", stream=False).status == 429


def test_bad_tokens_are_slowed_down_and_good_ones_are_not(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Guessing gets 401 and then 429 with Retry-After; whoever has a good token at the same address is served."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("guess"), provider=provider)
        with serving(installed) as running:
            agent = agent_of(running, "anthropic")
            statuses = []
            for number in range(24):
                forged = spell("staging", TokenKind.AGENT, bytes([number]) * 32)
                said = Agent(running, "anthropic", "x", forged).ask("look", stream=False)
                statuses.append(said.status)
                assert said.status == 401 or int(said.headers["retry-after"]) >= 1
            assert set(statuses) == {401, 429}
            assert statuses[:5] == [401] * 5
            assert agent.ask("look", stream=False).status == 200


@EVERY
@pytest.mark.parametrize("name", ["admin_token", "approver_token"])
def test_control_tokens_are_worth_nothing_to_agents(house: House, dialect: str, name: str) -> None:
    """A token that decides opens no model: 401 like any stranger's."""
    token = house.firewall.installed.shown[name]
    assert Agent(house.firewall, dialect, "x", token).ask("look", stream=False).status in (401, 429)


@EVERY
def test_log_that_cannot_be_written_closes_the_gate(house: House, dialect: str) -> None:
    """While the log takes nothing, the answer is 503 in the dialect's form and the provider hears nothing."""
    agent = agent_of(house.firewall, dialect)
    prompt = f"look locked {agent.name}"
    blocker = sqlite3.connect(house.firewall.installed.database, isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        said = agent.ask(prompt, stream=True)
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert said.status == 503
    assert said.error
    assert said.calls == []
    assert not any(prompt in str(one["body"]) for one in house.seen())
    assert agent.ask("look", stream=True).commands == ["ls"]


def test_log_that_closes_during_a_hold_releases_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Approved, but the consumption cannot be written: the answer ends in an error without the call."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        installed = install(tmp_path_factory.mktemp("closing"), provider=provider, models="hold_s = 20")
        with serving(installed) as running:
            agent = agent_of(running, "anthropic")
            asking = agent.asking("remove")
            ident = str(agent.waiting()["id"])
            blocker = sqlite3.connect(installed.database, isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            try:
                vote = running.decide(ident, "approve")
                assert vote.status_code == 503, vote.text
                assert not asking.is_over
            finally:
                blocker.execute("ROLLBACK")
                blocker.close()
            agent.decide("approve")
            assert asking.answer().commands == ["rm -rf /srv/data"]
