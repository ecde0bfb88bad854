"""OpenRouter and its particulars, over real sockets: a router behind a router must not choose in our place."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import anthropic
import httpx
import openai
import pytest

from firewall.demo.serving import served
from tests.support.installation import Served, install, serving
from tests.support.openrouter import KEY, SAYS, THINKS, OpenRouter

MODEL = "anthropic/claude-sonnet-5"
ROUTES = """
[[route]]
name = "spare"
models = ["spare"]
chain = ["openrouter/openai/gpt-5.5", "second/openai/gpt-5.5"]
retry = { attempts = 0 }

[[route]]
name = "kept"
models = ["kept"]
chain = ["openrouter/openai/gpt-5.5"]
retry = { attempts = 0 }
cache = { ttl = "5m" }
"""


@dataclass(slots=True)
class House:
    """A server with OpenRouter as its provider, and a token for one vendor's models."""

    firewall: Served
    router: OpenRouter
    token: str

    def ask(self, words: str, *, model: str = MODEL, **more: object) -> httpx.Response:
        """Ask for a chat completion, streamed unless `stream` says otherwise."""
        headers = {
            "authorization": f"Bearer {self.token}",
            "x-title": "mine",
            "http-referer": "https://evil.example",
        }
        body = {"model": model, "messages": [{"role": "user", "content": words}], "stream": True, **more}
        return httpx.post(
            f"{self.firewall.agents}/v1/chat/completions", json=body, headers=headers, timeout=30, trust_env=False
        )

    def logged(self, *kinds: str) -> list[dict[str, object]]:
        """Return entries of these kinds, the newest first."""
        marks = ",".join("?" * len(kinds))
        query = f"SELECT body FROM audit_entries WHERE kind IN ({marks}) ORDER BY seq DESC"  # noqa: S608 - marks
        with closing(sqlite3.connect(self.firewall.installed.database)) as database:
            return [json.loads(body) for (body,) in database.execute(query, kinds)]

    def answered(self) -> dict[str, object]:
        """Return what the newest call's last entry says, once it is there."""
        asked = self.logged("model.requested")[0]["seq"]
        for _ in range(600):
            for entry in self.logged("model.answered"):
                found: dict[str, object] = entry["data"]  # type: ignore[assignment]  # an object, as every entry's
                if found["request"] == asked:
                    return found
            threading.Event().wait(0.05)
        raise AssertionError("the call has no end in the log")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The router, one that is always well to fall over to, and the router's face in Anthropic's dialect."""
    router = OpenRouter()
    with served(router.app()) as address:
        rows = [
            ("openrouter", "openai-chat", f"{address}/api/v1"),
            ("second", "openai-chat", f"{address}/well/v1"),
            ("skin", "anthropic", f"{address}/api"),
        ]
        settings = ROUTES + "".join(
            f'\n[[provider]]\nname = "{name}"\ndialect = "{dialect}"\nbase_url = "{url}"\n'
            'api_key = { env = "OPENROUTER_KEY" }\nprices = "openrouter"\n'
            "breaker = { least = 1000 }\n"
            'headers = { "HTTP-Referer" = "https://acme.example", "X-Title" = "Acme" }\n'
            for name, dialect, url in rows
        )
        installed = install(tmp_path_factory.mktemp("openrouter"), settings=settings)
        with serving(installed, env={"OPENROUTER_KEY": KEY}) as running:
            yield House(running, router, running.mint(models=["anthropic/*", "spare", "kept"]))


def chunks(raw: str) -> list[dict[str, object]]:
    """Return the objects of a stream."""
    lines = [line.removeprefix("data: ") for line in raw.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_a_stream_with_comments_reasoning_and_prices(house: House) -> None:
    """Openai's own client reads it; the counts beside an empty choice are what is charged, not the worst case."""
    with openai.OpenAI(base_url=f"{house.firewall.agents}/v1", api_key=house.token, max_retries=0) as client:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        found = list(answer)
    assert "".join(one.choices[0].delta.content or "" for one in found if one.choices) == SAYS
    thoughts = [one.choices[0].delta.model_dump().get("reasoning") for one in found if one.choices]
    assert THINKS in thoughts
    closed = house.answered()
    assert (closed["input_tokens"], closed["cached_input_tokens"], closed["output_tokens"]) == (100, 20, 40)
    assert closed["cost"] == "exact", closed


def test_who_we_are_is_said_by_the_operator(house: House) -> None:
    """The configured title and referer go along; the agent's do not, and our token stays."""
    assert house.ask("hi", stream=False).json()["choices"][0]["message"]["content"] == SAYS
    sent = house.router.seen[-1]
    assert (sent.headers["x-title"], sent.headers["http-referer"]) == ("Acme", "https://acme.example")
    assert house.token not in str(sent)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("models", ["anthropic/claude-sonnet-5", "openai/gpt-5.5-pro"]),
        ("route", "fallback"),
        ("provider", {"order": ["Azure"], "allow_fallbacks": True}),
        ("plugins", [{"id": "web"}]),
        ("transforms", ["middle-out"]),
        ("preset", "expensive"),
        ("fallbacks", ["gpt-5.5-pro"]),
        ("fallback_models", ["openai/gpt-5.5-pro"]),
    ],
)
def test_a_request_cannot_choose_behind_our_back(house: House, option: str, value: object) -> None:
    """Lists of models, routing, plugins and presets of a vendor are refused by name before anything leaves."""
    before = len(house.router.seen)
    answer = house.ask("hi", **{option: value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "option_unknown"), answer.text
    assert option in answer.json()["error"]["message"]
    assert len(house.router.seen) == before


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("anthropic/claude-sonnet-5,openai/gpt-5.5-pro", 400, "model_invalid"),
        ("anthropic/claude-sonnet-5@preset/expensive", 400, "model_invalid"),
        ("@preset/expensive", 400, "model_invalid"),
        ("openrouter/auto", 404, "model_not_found"),
        ("~anthropic/claude-opus-latest", 404, "model_not_found"),
        ("openai/gpt-5.5-pro", 404, "model_not_found"),
    ],
)
def test_a_name_names_one_model_of_the_grant(house: House, model: str, status: int, code: str) -> None:
    """No list, preset or chooser of the vendor's passes for a model under a glob of the grant."""
    before = len(house.router.seen)
    answer = house.ask("hi", model=model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert len(house.router.seen) == before


def test_an_advisor_is_a_model_of_the_grant(house: House) -> None:
    """A tool that asks another model needs the grant for that one too; nothing leaves otherwise."""
    before = len(house.router.seen)
    answer = httpx.post(
        f"{house.firewall.agents}/v1/messages",
        json={
            "model": MODEL,
            "max_tokens": 10,
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5-5"}],
        },
        headers={"x-api-key": house.token, "anthropic-version": "2023-06-01"},
        timeout=30,
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert len(house.router.seen) == before


def test_online_is_a_search_and_judged_as_one(house: House) -> None:
    """The suffix that makes the vendor search the web is a tool that it runs: judged like one, and in the log."""
    before = len(house.logged("tool.judged"))
    house.ask("hi", model=f"{MODEL}:free:online")
    assert len(house.logged("tool.judged")) == before + 1


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    ("words", "status"),
    [("refuse-credits", 402), ("refuse-no-provider", 503), ("refuse-hidden", 502), ("refuse-within", 502)],
)
def test_an_error_in_place_of_an_answer_falls_over(house: House, words: str, status: int, *, stream: bool) -> None:
    """Under an honest status, under 200, or within a choice: the next candidate answers; alone, it is an error."""
    answer = house.ask(words, model="spare", stream=stream)
    assert (answer.status_code, answer.headers["x-stayhand-attempts"]) == (200, "2"), answer.text
    assert "router." in answer.text
    answer = house.ask(words, model="kept", stream=stream)
    assert answer.status_code == status, answer.text
    assert answer.json().keys() >= {"error"}


def test_what_moderation_flags_is_the_answer(house: House) -> None:
    """A 403 for the words of the request is a filter's word, not our key's: nobody else is asked."""
    before = len(house.router.seen)
    answer = house.ask("refuse-moderated", model="spare")
    assert "flagged" in answer.text
    assert len(house.router.seen) - before == 1


def test_an_error_before_the_first_word_falls_over(house: House) -> None:
    """Comments are no word: an error chunk right after them is hidden, and the next candidate answers."""
    answer = house.ask("break-at-once", model="spare")
    assert (answer.status_code, answer.headers["x-stayhand-attempts"]) == (200, "2"), answer.text
    assert "router." in answer.text
    assert "disconnected" not in answer.text


@pytest.mark.parametrize("path", ["chat", "anthropic"])
def test_an_error_in_the_middle_is_never_an_end(house: House, path: str) -> None:
    """After words the client gets one error and no regular end, in its own dialect and in another."""
    if path == "chat":
        answer = house.ask("break-in-the-middle", model="kept", temperature=0)
        last = chunks(answer.text)[-1]
        assert last.keys() == {"error"}, last
        assert '"finish_reason":"stop"' not in answer.text
    else:
        body = {
            "model": "kept",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "break-in-the-middle"}],
        }
        answer = httpx.post(
            f"{house.firewall.agents}/v1/messages",
            json={**body, "stream": True},
            headers={"x-api-key": house.token, "anthropic-version": "2023-06-01"},
            timeout=30,
            trust_env=False,
        )
        assert "event: error" in answer.text
        assert "message_stop" not in answer.text
    assert "Hello " in answer.text


def test_an_answer_that_broke_is_not_kept(house: House) -> None:
    """A route with a cache asks again after a broken answer, though the stream came to its last line."""
    before = len(house.router.seen)
    for _ in range(2):
        house.ask("break-in-the-middle again", model="kept", temperature=0)
    assert len(house.router.seen) - before == 2


def test_the_other_face_ends_in_two_words(house: House) -> None:
    """In Anthropic's dialect a `[DONE]` follows the end: the answer is whole, and counted."""
    client = anthropic.Anthropic(base_url=house.firewall.agents, api_key=house.token, max_retries=0, timeout=30)
    with client.messages.stream(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        said = stream.get_final_message()
    assert [block.text for block in said.content if block.type == "text"] == [SAYS]
    assert said.usage.output_tokens == 40
    assert house.answered()["cost"] == "exact"


def test_another_dialects_client_reads_the_reasoning_once(house: House) -> None:
    """`reasoning` and `reasoning_details` say the same: a Messages client gets it once."""
    answer = httpx.post(
        f"{house.firewall.agents}/v1/messages",
        json={"model": "kept", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], "stream": True},
        headers={"x-api-key": house.token, "anthropic-version": "2023-06-01"},
        timeout=30,
        trust_env=False,
    )
    assert answer.text.count(THINKS) == 1
    assert "router." in answer.text
    assert house.answered()["output_tokens"] == 40
