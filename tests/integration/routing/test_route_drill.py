"""Drills against a running server: what they report, whom they mark, and what is left of them."""

import json
import os
from collections.abc import Iterator

import httpx
import pytest

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, cli, install, serving, verify

SCRIPT = Script(scenes=(Scene(when="ready", turns=(Turn(text="ready"),)),))
SETTINGS = "".join(
    f'\n[[provider]]\nname = "{name}"\ndialect = "anthropic"\nbase_url = "PROVIDER"\n'
    'api_key = { env = "SCRIPTED_KEY" }\n'
    for name in ("first", "second")
) + (
    '\n[[route]]\nname = "coder"\nchain = ["first/claude-sonnet-5", "second/claude-sonnet-5"]\n'
    '\n[[route]]\nname = "alone"\nchain = ["first/claude-sonnet-5"]\n'
    '\n[[route]]\nname = "cached"\nchain = ["first/claude-sonnet-5"]\ncache = { ttl = "10m" }\n'
    '\n[[provider]]\nname = "gone"\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:9"\n'
    'api_key = { env = "SCRIPTED_KEY" }\n'
    '\n[[route]]\nname = "fallen"\nchain = ["gone/claude-sonnet-5", "second/claude-sonnet-5"]\n'
    '\n[[route]]\nname = "sorry"\nchain = ["gone/claude-sonnet-5"]\n'
    'degrade = ["message"]\ndegrade_message = "Back at eight."\n'
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a route over two providers, and one over one alone."""
    with served(app(SCRIPT, key=PROVIDER_KEY)) as provider:
        settings = SETTINGS.replace("PROVIDER", provider)
        installed = install(tmp_path_factory.mktemp("drills"), settings=settings)
        with serving(installed, env={"SCRIPTED_KEY": PROVIDER_KEY}) as running:
            yield running
        assert verify(installed).returncode == 0


def stayhand(house: Served, *arguments: str) -> tuple[int, str, str]:
    """Run a command against the server as an admin."""
    env = {**os.environ, "STAYHAND_TOKEN": house.installed.shown["admin_token"]}
    done = cli("--config", str(house.at_its_ports()), *arguments, env=env)
    return done.returncode, done.stdout, done.stderr


def ask(
    house: Served, token: str, *, model: str = "coder", more: dict[str, object] | None = None, **headers: str
) -> httpx.Response:
    """Ask a route once; `more`: fields of the body."""
    turns = [{"role": "user", "content": "ready"}]
    body = {"model": model, "max_tokens": 9, "messages": turns, **(more or {})}
    return httpx.post(
        f"{house.agents}/v1/messages",
        json=body,
        headers={"x-api-key": token, **headers},
        trust_env=False,
        timeout=60,
    )


def test_a_drill_reports_what_clients_see(house: Served) -> None:
    """Faults are played through the live path with a token of the drill's own, and scored; the log verifies."""
    chosen = ("503", "200-error-body", "reset-in-stream", "prefill-rejected")
    picked = [part for one in chosen for part in ("--scenario", one)]
    code, out, err = stayhand(house, "route", "drill", "coder", *picked, "--json")
    assert code == 0, out + err
    found = json.loads(out)
    assert (found["passed"], found["of"], found["hopes"]) == (8, 8, [])
    assert found["chain"] == ["first/claude-sonnet-5", "second/claude-sonnet-5"]
    by_row = {(row["scenario"], row["form"]): row for row in found["rows"]}
    assert (by_row["503", "streamed"]["seen"], by_row["503", "streamed"]["attempts"] > 1) == ("answered", True)
    assert by_row["reset-in-stream", "streamed"]["seen"] == "ended in one error"
    assert by_row["reset-in-stream", "whole"]["seen"] == "answered"


def test_a_name_that_nobody_answers_to_ends_the_drill(house: Served) -> None:
    """One clear error and no table of thirty failures."""
    code, out, err = stayhand(house, "route", "drill", "nobody", "--dialect", "gemini")
    assert (code, out) == (1, "")
    assert "nobody is asked for `nobody`: refused with status 404" in err
    assert "stayhand route explain" in err


def test_a_route_of_one_does_not_pass(house: Served) -> None:
    """Where nobody else can be asked the drill says so, in words, and fails."""
    code, out, err = stayhand(house, "route", "drill", "alone", "--scenario", "503")
    assert code == 1
    assert "FAIL" in out
    assert "nobody else to ask" in out
    assert "0 of 2 passed" in out
    assert "the drill was not passed" in err


def test_all_of_staging_is_led_away_and_nobody_else(house: Served) -> None:
    """While it is armed every call of staging is carried by the second; an agent's header marks nothing."""
    token = house.mint(owner="alice")
    wish = {"scenario": "503", "environment": "staging", "seconds": 60}
    drill = httpx.post(f"{house.control}/api/drills", json=wish, headers=house.admin, trust_env=False).json()
    answers = [ask(house, token) for _ in range(3)]
    assert [one.status_code for one in answers] == [200] * 3
    assert {one.headers["x-stayhand-attempts"] for one in answers} >= {"2"}
    elsewhere = house.mint(owner="alice", env="dev")
    assert ask(house, elsewhere).headers["x-stayhand-attempts"] == "1"
    found = httpx.delete(f"{house.control}/api/drills/{drill['id']}", headers=house.admin, trust_env=False).json()
    assert (found["calls"], found["carried"], found["unanswered"]) == (3, 3, 0)
    assert ask(house, token, **{"x-stayhand-drill": drill["id"]}).headers["x-stayhand-attempts"] == "1"


def test_what_may_not_be_drilled_is_refused(house: Served) -> None:
    """Production, an unknown scenario, no time at all; and nobody but an admin arms anything."""
    for wish, status in (
        ({"scenario": "503", "environment": "production", "seconds": 5}, 422),
        ({"scenario": "earthquake", "environment": "staging", "seconds": 5}, 422),
        ({"scenario": "503", "environment": "staging", "seconds": 0}, 422),
        ({"scenario": "503", "environment": "staging"}, 400),
    ):
        answer = httpx.post(f"{house.control}/api/drills", json=wish, headers=house.admin, trust_env=False)
        assert answer.status_code == status, answer.text
    wish = {"scenario": "503", "environment": "staging", "seconds": 5}
    asked = httpx.post(f"{house.control}/api/drills", json=wish, headers=house.approver, trust_env=False)
    assert asked.status_code == 403
    agent = {"authorization": f"Bearer {house.mint()}"}
    assert httpx.post(f"{house.control}/api/drills", json=wish, headers=agent, trust_env=False).status_code == 403


def test_the_report_counts_no_drills(house: Served) -> None:
    """By the log both providers were up all the time: what drills did is not theirs."""
    code, out, err = stayhand(house, "route", "report", "--since", "1d", "--json")
    assert code == 0, err
    found = json.loads(out)
    up = {row["provider"]: (row["uptime_percent"], row["incidents"]) for row in found["providers"]}
    assert set(up) == {"first", "second", "gone"}
    assert {name: up[name] for name in ("first", "second")} == {"first": (100.0, 0), "second": (100.0, 0)}
    assert found["saved"] == 0
    code, out, _ = stayhand(house, "route", "report")
    assert code == 0
    assert "calls that another attempt saved: 0" in out


def test_share_without_traffic_is_a_hope(house: Served) -> None:
    """Nothing came while the primary failed: that proves nothing, and the command says so."""
    code, out, _ = stayhand(house, "route", "drill", "--share", "100", "--for", "1s", "--env", "quiet")
    assert code == 1
    assert "a hope" in out


def test_the_same_question_is_answered_once_by_the_provider(house: Served) -> None:
    """At the gate: miss, then hit, whole and streamed; bypassed by header, and never across tokens."""
    token = house.mint(owner="alice")
    cold: dict[str, object] = {"temperature": 0}

    def said(**headers: str) -> tuple[str, str]:
        answer = ask(house, token, model="cached", more=cold, **headers)
        assert answer.json()["content"][0]["text"] == "ready"
        return answer.headers["x-stayhand-cache"], answer.headers["x-stayhand-attempts"]

    assert [said(), said(), said(**{"x-stayhand-cache": "bypass"})] == [
        ("miss", "1"),
        ("hit", "0"),
        ("bypass", "1"),
    ]
    streamed = ask(house, token, model="cached", more={**cold, "stream": True})
    assert (streamed.headers["x-stayhand-cache"], "message_stop" in streamed.text) == ("hit", True)
    assert ask(house, house.mint(), model="cached", more=cold).headers["x-stayhand-cache"] == "miss"
    assert "x-stayhand-cache" not in ask(house, token, more=cold).headers


@pytest.mark.parametrize("stream", [True, False])
def test_a_message_stands_in_for_nobody(house: Served, *, stream: bool) -> None:
    """In the dialect of the client, whole or as a stream, and named as what it is."""
    answer = ask(house, house.mint(owner="alice"), model="sorry", more={"stream": stream})
    assert (answer.status_code, answer.headers["x-stayhand-degraded"]) == (200, "message")
    assert "Back at eight." in answer.text


def test_metrics_know_the_circuits(house: Served) -> None:
    """Each circuit by its provider and state."""
    answer = httpx.get(f"{house.control}/metrics", headers=house.admin, trust_env=False)
    assert 'stayhand_circuits{provider="first",state="closed"}' in answer.text
    assert "drl_" not in answer.text
    assert 'stayhand_circuits{provider="drill' not in answer.text


def test_the_providers_page_tells_how_they_fare(house: Served) -> None:
    """Whoever signs in sees who failed and who stood in, of real calls alone; nobody else sees a name."""
    token = house.mint(owner="alice")
    assert ask(house, token).status_code == 200
    assert int(ask(house, token, model="fallen").headers["x-stayhand-attempts"]) >= 2
    with httpx.Client(base_url=house.control, trust_env=False) as browser:
        assert '<span class="name">' not in browser.get("/console/providers").text
        shown = house.installed.shown
        form = {"name": shown["approver"], "passphrase": shown["passphrase"], "next": "/console/providers"}
        signed_in = browser.post("/console/sign-in", data=form, headers={"origin": house.control})
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/console/providers")
        page = browser.get("/console/providers")
    assert page.status_code == 200
    parts = {part.partition("</span>")[0]: part for part in page.text.split('<span class="name">')[1:]}
    assert set(parts) >= {"first", "second", "gone"}
    assert '<td data-of="Failed" class="cannot">100 %</td>' in parts["gone"]
    assert '<td data-of="Stood in">0 %</td>' not in parts["second"]
    assert '<td data-of="Stood in">0 %</td>' in parts["first"]
    assert "drill" not in page.text


def test_the_doctor_says_who_is_left_alone(house: Served) -> None:
    """A provider that nobody reaches is left alone after a few calls, and the doctor counts it."""
    token = house.mint(owner="alice")
    for _ in range(6):
        ask(house, token, model="sorry")
    _, out, _ = stayhand(house, "doctor")
    assert "circuits to providers: 1 of" in out
    assert "stayhand route report" in out
