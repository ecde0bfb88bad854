"""Embeddings, pictures, counts and lists of models, with the vendors' own SDKs through a real server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import anthropic
import httpx
import openai
import pytest
from google import genai

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Served, install, serving, verify
from tests.support.vendors import VENDOR_KEY, Vendor

PICTURE = b"\x89PNG\r\n\x1a\n--not-a-boundary\r\n"
OUR_FIELDS = {"x-stayhand-entry", "x-stayhand-model", "x-stayhand-route", "x-stayhand-attempts"}


@dataclass(slots=True)
class House:
    """A server, the vendor behind it, and a token for everything."""

    firewall: Served
    vendor: Vendor
    token: str

    def post(self, path: str, body: object, **more: object) -> httpx.Response:
        """Ask for JSON in OpenAI's way."""
        headers = {"authorization": f"Bearer {more.pop('token', self.token)}", **more}  # type: ignore[dict-item]  # texts
        return httpx.post(f"{self.firewall.agents}{path}", json=body, headers=headers, timeout=30, trust_env=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Read in the way that the headers say."""
        sent = headers or {"authorization": f"Bearer {self.token}"}
        return httpx.get(f"{self.firewall.agents}{path}", headers=sent, timeout=30, trust_env=False)

    def logged(self) -> list[dict[str, object]]:
        """Return the newest entries as the auditor shows them."""
        answer = httpx.get(f"{self.firewall.control}/api/entries", headers=self.firewall.admin, trust_env=False)
        found: list[dict[str, object]] = answer.json()
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Three providers: a vendor of embeddings and pictures in two dialects, and one that counts."""
    vendor = Vendor()
    script = Script(scenes=(Scene(when="", turns=(Turn(text="Fine."),)),))
    with served(vendor.app()) as address, served(app(script, key=PROVIDER_KEY)) as scripted:
        rows = [
            ("pictures", "openai-chat", f"{address}/v1", "VENDOR_KEY"),
            ("claude", "anthropic", scripted, "SCRIPTED_KEY"),
            ("google", "gemini", address, "VENDOR_KEY"),
        ]
        settings = "".join(
            f'\n[[provider]]\nname = "{name}"\ndialect = "{dialect}"\nbase_url = "{url}"\n'
            f'api_key = {{ env = "{key}" }}\nprices = "openai"\n'
            for name, dialect, url, key in rows
        )
        installed = install(tmp_path_factory.mktemp("surfaces"), settings=settings)
        with serving(installed, env={"VENDOR_KEY": VENDOR_KEY}) as running:
            yield House(running, vendor, running.mint())
        checked = verify(installed)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def sdk(house: House) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, pointed at us."""
    with openai.OpenAI(
        base_url=f"{house.firewall.agents}/v1", api_key=house.token, max_retries=0, timeout=30
    ) as client:
        yield client


def test_embeddings_pass_with_openais_client(house: House, sdk: openai.OpenAI) -> None:
    """The vectors arrive, our token does not leave, and who answered is said."""
    answer = sdk.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input=["a", "b"], encoding_format="float"
    )
    assert [row.embedding for row in answer.parse().data] == [[0.5, 0.25]] * 2
    assert answer.headers["x-stayhand-model"] == "text-embedding-3-small"
    assert (answer.headers["x-stayhand-route"], answer.headers["x-stayhand-attempts"]) == ("pictures", "1")
    sent = house.vendor.seen[-1]
    assert house.token not in str(sent)
    assert sent.headers["authorization"] == f"Bearer {VENDOR_KEY}"


def test_embeddings_pass_with_googles_client(house: House) -> None:
    """Gemini's client asks for a batch; every request in it names the model of the path."""
    client = genai.Client(api_key=house.token, http_options={"base_url": house.firewall.agents})
    answer = client.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    assert answer.embeddings is not None
    assert [one.values for one in answer.embeddings] == [[0.5, 0.25]] * 2
    assert house.vendor.seen[-1].path.endswith("/gemini-embedding-001:batchEmbedContents")


def test_pictures_are_made_and_edited_with_openais_client(house: House, sdk: openai.OpenAI) -> None:
    """A description goes as JSON, a picture as a form; the form arrives byte for byte."""
    made = sdk.images.with_raw_response.generate(model="gpt-image-2", prompt="a cat")
    assert made.parse().data
    edited = sdk.images.with_raw_response.edit(
        model="gpt-image-2", prompt="with a hat", image=[("a.png", PICTURE, "image/png")], n=1
    )
    assert edited.parse().data
    for answer in (made, edited):
        assert set(answer.headers) >= OUR_FIELDS
    sent = house.vendor.seen[-1]
    assert (sent.path, sent.form["image[]"], sent.form["model"]) == ("/v1/images/edits", PICTURE, b"gpt-image-2")


def test_embeddings_and_pictures_cost_what_they_cost(house: House, sdk: openai.OpenAI) -> None:
    """Prices are the list's, in micro-dollars; a cap that the worst case does not fit into refuses first."""
    asked = sdk.images.with_raw_response.generate(model="gpt-image-2", prompt="a dog")
    assert int(asked.headers["x-stayhand-cost-micros"]) == 11 * 5 + 4160 * 30
    vectors = sdk.embeddings.with_raw_response.create(model="text-embedding-3-small", input="a")
    assert int(vectors.headers["x-stayhand-cost-micros"]) == 1
    before = len(house.vendor.seen)
    poor = house.firewall.mint(agent="poor", owner="carol", money_cap_micros=10_000)
    body = {"model": "gpt-image-2", "prompt": "x"}
    refused = house.post("/v1/images/generations", body, token=poor)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "budget_exhausted")
    assert len(house.vendor.seen) == before
    assert house.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "a"}, token=poor).is_success


def test_grant_and_limits_hold_for_every_surface(house: House) -> None:
    """A model outside the grant does not exist, a full bucket is 429, and the vendor hears nothing of either."""
    narrow = house.firewall.mint(agent="narrow", models=["gpt-*"])
    before = len(house.vendor.seen)
    refused = house.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "a"}, token=narrow)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    once = house.firewall.mint(agent="once", owner="bob", max_requests_per_minute=1)
    body = {"model": "gpt-image-2", "prompt": "x"}
    assert house.post("/v1/images/generations", body, token=once).status_code == 200
    limited = house.post("/v1/images/generations", body, token=once)
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limited")
    assert len(house.vendor.seen) == before + 1


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/embeddings", {"model": "m", "input": "a", "frobnicate": 1}, 400, "option_unknown"),
        ("/v1/images/generations", {"model": "gpt-image-2", "prompt": "x", "n": 1000}, 400, "candidates_invalid"),
        ("/v1/images/generations", {"prompt": "x"}, 400, "invalid_request"),
        ("/v1/embeddings", {"model": "unknown-model", "input": "a"}, 404, "model_not_found"),
        ("/v1/images/edits", {"model": "m", "images": [{"file_id": "file-1"}]}, 400, "reference_unknown"),
    ],
)
def test_bad_requests_have_codes(house: House, path: str, body: object, status: int, code: str) -> None:
    """Unknown options, impossible numbers, unknown models and ids of somebody else's files are told apart."""
    answer = house.post(path, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "where"),
    [
        ("POST", "/v1/audio/speech", ("error", "code")),
        ("POST", "/v1/audio/transcriptions", ("error", "code")),
        ("POST", "/v1/files", ("error", "code")),
        ("GET", "/v1/files", ("error", "code")),
        ("POST", "/v1/batches", ("error", "code")),
        ("GET", "/v1/realtime", ("error", "code")),
        ("POST", "/v1/realtime/sessions", ("error", "code")),
        ("POST", "/v1/images/variations", ("error", "code")),
        ("POST", "/v1/responses/input_tokens", ("error", "code")),
        ("POST", "/v1/messages/batches", ("error", "code")),
        ("POST", "/v1beta/models/g:batchGenerateContent", ("error", "details", "reason")),
        ("POST", "/upload/v1beta/files", ("error", "details", "reason")),
    ],
)
def test_what_is_not_served_is_404_with_a_code(
    house: House, method: str, path: str, where: tuple[str, ...]
) -> None:
    """Audio, files, batches and realtime answer `endpoint_unsupported` in the shape of their dialect."""
    headers = {"authorization": f"Bearer {house.token}"}
    answer = httpx.request(method, f"{house.firewall.agents}{path}", headers=headers, timeout=30, trust_env=False)
    found = answer.json()
    for name in where:
        found = found[name][0] if name == "details" else found[name]
    assert (answer.status_code, found) == (404, "endpoint_unsupported")


def test_files_of_anthropics_clients_are_refused_in_their_shape(house: House) -> None:
    """The path is shared by two vendors; the header says whose client it is."""
    answer = house.get("/v1/files", **{"x-api-key": house.token, "anthropic-version": "2023-06-01"})
    assert (answer.status_code, answer.json()["type"]) == (404, "error")
    assert answer.json()["error"]["code"] == "endpoint_unsupported"


def test_models_of_all_providers_are_listed_in_every_shape(house: House, sdk: openai.OpenAI) -> None:
    """Each vendor's own client lists every provider's models, and finds one by its name."""
    names = {one.id for one in sdk.models.list()}
    assert names >= {"gpt-image-2", "text-embedding-3-small", "claude-sonnet-5"}
    assert sdk.models.retrieve("claude-sonnet-5").object == "model"
    claude = anthropic.Anthropic(base_url=house.firewall.agents, api_key=house.token, max_retries=0)
    assert {one.id for one in claude.models.list(limit=3)} == names
    assert claude.models.retrieve("gpt-image-2").type == "model"
    google = genai.Client(api_key=house.token, http_options={"base_url": house.firewall.agents})
    assert {str(one.name) for one in google.models.list(config={"page_size": 2})} == {
        f"models/{one}" for one in names
    }
    assert google.models.get(model="claude-sonnet-5").name == "models/claude-sonnet-5"


def test_a_list_shows_what_the_grant_permits(house: House) -> None:
    """What the token may not use is not in the list and cannot be found by its name either."""
    token = house.firewall.mint(agent="few", models=["claude-*"])
    listed = house.get("/v1/models", authorization=f"Bearer {token}").json()
    assert {row["id"] for row in listed["data"]} == {"claude-sonnet-5"}
    for name in ("gpt-image-2", "no-such-model"):
        missing = house.get(f"/v1/models/{name}", authorization=f"Bearer {token}")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_providers_are_not_asked_for_each_list(house: House) -> None:
    """A list is kept for minutes: a client that polls does not become the provider's load."""
    house.get("/v1/models")
    before = house.vendor.lists
    for _ in range(5):
        assert house.get("/v1/models").status_code == 200
    assert house.vendor.lists == before


COUNTED = {"model": "claude-sonnet-5", "messages": [{"role": "user", "content": "How many tokens are these?"}]}


def test_counts_come_from_the_provider_where_it_counts(house: House) -> None:
    """Anthropic's own count is passed on and is not called an estimate."""
    claude = anthropic.Anthropic(base_url=house.firewall.agents, api_key=house.token, max_retries=0)
    answer = claude.messages.with_raw_response.count_tokens(**COUNTED)  # type: ignore[arg-type]  # plain JSON
    assert answer.parse().input_tokens > 0
    assert "x-stayhand-estimated" not in answer.headers
    assert set(answer.headers) >= OUR_FIELDS


def test_counts_are_estimated_where_nobody_counts(house: House) -> None:
    """A provider without counts: an offline estimate, marked, which grows with the text."""
    found = []
    for text in ("Hello.", "Hello, world. " * 200):
        answer = httpx.post(
            f"{house.firewall.agents}/v1beta/models/gemini-3-pro:countTokens",
            json={"contents": [{"role": "user", "parts": [{"text": text}]}]},
            headers={"x-goog-api-key": house.token},
            timeout=60,
            trust_env=False,
        )
        assert (answer.status_code, answer.headers["x-stayhand-estimated"]) == (200, "true")
        assert set(answer.headers) >= OUR_FIELDS
        found.append(json.loads(answer.text)["totalTokens"])
    assert 1 < found[0] < 30
    assert 600 < found[1] < 1500


def test_unknown_options_of_a_count_are_refused(house: House) -> None:
    """A count is read like the request that it counts."""
    answer = house.post("/v1/messages/count_tokens", {**COUNTED, "frobnicate": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "option_unknown")


def test_a_revoked_token_ends_a_picture_that_is_being_made(house: House) -> None:
    """The one who waits is told 401 in the dialect's shape, and the vendor is left alone at once."""
    ident, token = house.firewall.minted(agent="revoked")
    answers: list[httpx.Response] = []
    body = {"model": "gpt-image-2", "prompt": "slowly"}
    waiting = threading.Thread(
        target=lambda: answers.append(house.post("/v1/images/generations", body, token=token)), daemon=True
    )
    waiting.start()
    assert house.vendor.is_asked.wait(30)
    gone = httpx.delete(
        f"{house.firewall.control}/api/tokens/{ident}", headers=house.firewall.admin, trust_env=False
    )
    assert gone.status_code == 200
    waiting.join(30)
    assert (answers[0].status_code, answers[0].json()["error"]["code"]) == (401, "token_invalid")
    assert house.vendor.is_left.wait(30)


def test_a_client_that_leaves_takes_its_request_along(house: House) -> None:
    """Nobody is left to answer: the vendor is not kept busy."""
    house.vendor.is_left.clear()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{house.firewall.agents}/v1/images/generations",
            json={"model": "gpt-image-2", "prompt": "slowly"},
            headers={"authorization": f"Bearer {house.token}"},
            timeout=httpx.Timeout(30, read=1.0),
            trust_env=False,
        )
    assert house.vendor.is_left.wait(30)
