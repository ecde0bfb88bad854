"""Azure, Bedrock, Vertex and servers of one's own, as configuration: with the vendors' SDKs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anthropic
import httpx
import openai
import pytest
from google import genai

from firewall.demo.serving import served
from tests.support.clouds import AWS_KEY, AZURE_KEY, SAYS, TOKEN, Clouds
from tests.support.installation import Served, install, serving

TEXT = [{"role": "user", "content": "Say hello."}]
CLAUDE = "eu.anthropic.claude-sonnet-5-v1:0"


@dataclass(slots=True)
class House:
    """A server with providers of every kind, and the clouds behind them."""

    firewall: Served
    clouds: Clouds
    token: str

    @property
    def newest(self) -> dict[str, object]:
        """What a cloud was asked last."""
        return self.clouds.asked[-1]

    def claude(self) -> anthropic.Anthropic:
        """Anthropic's own client, pointed at us."""
        return anthropic.Anthropic(base_url=self.firewall.agents, api_key=self.token, max_retries=0, timeout=30)

    def chat(self, model: str) -> httpx.Response:
        """Ask for a chat completion."""
        return httpx.post(
            f"{self.firewall.agents}/v1/chat/completions",
            json={"model": model, "messages": TEXT},
            headers={"authorization": f"Bearer {self.token}"},
            timeout=30,
            trust_env=False,
        )


def providers(address: str, folder: Path) -> str:
    """Return the configuration."""
    rows = [
        (
            f'name = "azure"\nkind = "azure"\ndialect = "openai-chat"\nbase_url = "{address}/openai/v1"\n'
            'api_key = { env = "AZURE_KEY" }\nmodels = ["gpt-5.5"]'
        ),
        (
            f'name = "deployed"\nkind = "azure"\ndialect = "openai-chat"\nbase_url = "{address}/openai"\n'
            'api_key = { env = "AZURE_KEY" }\nheader = "Authorization: Bearer {credential}"\nmodels = ["my gpt"]'
        ),
        (
            f'name = "bedrock"\nkind = "bedrock"\ndialect = "anthropic"\nbase_url = "{address}"\n'
            f'region = "eu-central-1"\napi_key = {{ env = "AWS_KEY" }}\nmodels = ["{CLAUDE}"]'
        ),
        (
            f'name = "vertex-claude"\nkind = "vertex"\ndialect = "anthropic"\nbase_url = "{address}"\n'
            f'region = "europe-west1"\nproject = "acme"\napi_key = {{ file = "{folder}/account.json" }}'
        ),
        (
            f'name = "vertex"\nkind = "vertex"\ndialect = "gemini"\nbase_url = "{address}"\nregion = "global"\n'
            'project = "acme"\napi_key = { env = "VERTEX_TOKEN" }\nmodels = ["gemini-3-pro"]'
        ),
        (
            f'name = "own"\ndialect = "openai-chat"\nbase_url = "{address}/plain/v1"\nhosting = "self"\n'
            'headers = { "X-Title" = "Stayhand" }\nmodels = ["llama-4"]'
        ),
    ]
    routes = [
        ("azure", "gpt-5.5", "azure/gpt-5.5"), ("deployed", "deployed", "deployed/my gpt"),
        ("bedrock", "claude-bedrock", f"bedrock/{CLAUDE}"),
        ("vertex-claude", "claude-vertex", "vertex-claude/claude-sonnet-5@20260901"),
        ("own", "llama-4", "own/llama-4"),
    ]  # fmt: skip
    spare = f'\n[[route]]\nname = "spare"\nchain = ["bedrock/{CLAUDE}", "vertex-claude/claude-sonnet-5"]\n'
    return (
        "".join(f"\n[[provider]]\n{row}\n" for row in rows)
        + spare
        + "".join(
            f'\n[[route]]\nname = "{name}"\nmodels = ["{model}"]\nchain = ["{goal}"]\n'
            for name, model, goal in routes
        )
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """All clouds on one socket."""
    clouds = Clouds()
    folder = tmp_path_factory.mktemp("clouds")
    with served(clouds.app()) as address:
        (folder / "account.json").write_text(clouds.service_account(address))
        installed = install(folder, settings=providers(address, folder))
        keys = {"AZURE_KEY": AZURE_KEY, "AWS_KEY": json.dumps(AWS_KEY), "VERTEX_TOKEN": TOKEN}
        with serving(installed, env=keys) as running:
            yield House(running, clouds, running.mint())


def test_azure_by_its_v1_api(house: House) -> None:
    """The key goes into Azure's own field, the model stays in the body, no version is needed."""
    answer = house.chat("gpt-5.5")
    assert answer.json()["choices"][0]["message"]["content"] == SAYS, answer.text
    assert (house.newest["path"], house.newest["query"]) == ("/openai/v1/chat/completions", "")
    assert "authorization" not in str(house.newest["headers"])


def test_azure_by_deployment(house: House) -> None:
    """The deployment stands in the path, escaped, with a version; Entra's token goes as a bearer."""
    client = openai.OpenAI(base_url=f"{house.firewall.agents}/v1", api_key=house.token, max_retries=0)
    answer = client.chat.completions.create(model="deployed", messages=TEXT)  # type: ignore[arg-type]  # plain JSON
    assert answer.choices[0].message.content == SAYS
    assert house.newest["path"] == "/openai/deployments/my%20gpt/chat/completions"
    assert house.newest["query"] == "api-version=2024-10-21"


def test_claude_at_bedrock_whole_and_streamed(house: House) -> None:
    """The signature is botocore's, the model stands in the path, the binary stream becomes Anthropic's."""
    client = house.claude()
    said = client.messages.create(model="claude-bedrock", max_tokens=50, messages=TEXT)  # type: ignore[arg-type]  # JSON
    assert said.content[0].to_dict()["text"] == SAYS
    assert str(house.newest["path"]).startswith("/model/eu.anthropic.claude-sonnet-5-v1%3A0/invoke")
    with client.messages.stream(model="claude-bedrock", max_tokens=50, messages=TEXT) as stream:  # type: ignore[arg-type]  # JSON
        words = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert words == SAYS.replace(" ", "")
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 6)
    assert not {"model", "stream"} & set(house.newest["body"])  # type: ignore[call-overload]  # an object
    assert house.token not in str(house.newest)


def test_bedrocks_refusals_are_anthropics_errors(house: House) -> None:
    """An SDK raises what it would raise at Anthropic: the status is kept, the shape is its own."""
    turn = [{"role": "user", "content": "throttled"}]
    with pytest.raises(anthropic.RateLimitError) as refused:
        house.claude().messages.create(model="claude-bedrock", max_tokens=50, messages=turn)  # type: ignore[arg-type]  # JSON
    assert "Too many requests" in str(refused.value)


@pytest.mark.parametrize("broken", ["exception", "cut", "checksum"])
def test_bedrocks_broken_streams_are_never_an_end(house: House, broken: str) -> None:
    """An exception in the stream, a cut and a wrong checksum end in an error, never in a complete answer."""
    house.clouds.broken = broken
    try:
        with (
            pytest.raises(anthropic.APIError),
            house.claude().messages.stream(model="claude-bedrock", max_tokens=50, messages=TEXT) as stream,  # type: ignore[arg-type]  # JSON
        ):
            stream.get_final_message()
    finally:
        house.clouds.broken = ""


def test_claude_at_vertex_with_a_service_account(house: House) -> None:
    """The account's key becomes a token once, which serves both calls; the model stands in the path."""
    client = house.claude()
    said = client.messages.create(model="claude-vertex", max_tokens=50, messages=TEXT)  # type: ignore[arg-type]  # JSON
    assert said.content[0].to_dict()["text"] == SAYS
    with client.messages.stream(model="claude-vertex", max_tokens=50, messages=TEXT) as stream:  # type: ignore[arg-type]  # JSON
        assert "".join(stream.text_stream) == SAYS.replace(" ", "")
    place = "/v1/projects/acme/locations/europe-west1/publishers/anthropic/models"
    assert house.newest["path"] == f"{place}/claude-sonnet-5@20260901:streamRawPredict"
    counted = client.messages.count_tokens(model="claude-vertex", messages=TEXT)  # type: ignore[arg-type]  # JSON
    assert counted.input_tokens == 17
    assert house.clouds.exchanged == 1


def test_a_token_that_vertex_refuses_is_not_kept(house: House) -> None:
    """Revoked before its time: one call is told so, and the next one goes with a new token."""
    client = house.claude()
    ask = {"model": "claude-vertex", "max_tokens": 50, "messages": TEXT}
    assert client.messages.create(**ask).content  # type: ignore[call-overload]  # JSON
    before, house.clouds.token = house.clouds.exchanged, "ya29.vertex-token-canary-second"
    try:
        with pytest.raises(anthropic.APIStatusError):
            client.messages.create(**ask)  # type: ignore[call-overload]  # JSON
        assert client.messages.create(**ask).content  # type: ignore[call-overload]  # JSON
        assert house.clouds.exchanged == before + 1
    finally:
        house.clouds.token = TOKEN
        with pytest.raises(anthropic.APIStatusError):
            client.messages.create(**ask)  # type: ignore[call-overload]  # JSON


def test_a_model_that_fails_at_bedrock_falls_over(house: House) -> None:
    """Amazon tells that as 424: it is the model's failure, not the caller's mistake."""
    turn = [{"role": "user", "content": "model-fails"}]
    answer = house.claude().messages.with_raw_response.create(model="spare", max_tokens=50, messages=turn)  # type: ignore[arg-type]  # JSON
    assert answer.headers["x-stayhand-attempts"] == "2"
    assert answer.headers["x-stayhand-model"] == "claude-sonnet-5"


def test_gemini_at_vertex(house: House) -> None:
    """Google's own client reaches the project's path with a token by reference."""
    client = genai.Client(api_key=house.token, http_options={"base_url": house.firewall.agents})
    assert client.models.generate_content(model="gemini-3-pro", contents="hello").text == SAYS
    place = "/v1/projects/acme/locations/global/publishers/google/models"
    assert house.newest["path"] == f"{place}/gemini-3-pro:generateContent"
    streamed = client.models.generate_content_stream(model="gemini-3-pro", contents="hello")
    assert "".join(str(chunk.text) for chunk in streamed) == SAYS


def test_a_server_of_ones_own_gets_no_key(house: House) -> None:
    """A keyless server is asked with the fixed fields of the configuration and nobody's login."""
    answer = house.chat("llama-4")
    assert answer.json()["choices"][0]["message"]["content"] == SAYS, answer.text
    headers = house.newest["headers"]
    assert isinstance(headers, dict)
    assert headers["x-title"] == "Stayhand"
    assert not {"authorization", "x-api-key", "api-key"} & headers.keys()


def test_configured_models_are_listed(house: House) -> None:
    """Where a provider cannot list its models, the configuration does; no secret ever stands in an answer."""
    listed = httpx.get(
        f"{house.firewall.agents}/v1/models", headers={"authorization": f"Bearer {house.token}"}, trust_env=False
    )
    names = {row["id"] for row in listed.json()["data"]}
    assert names >= {"gpt-5.5", CLAUDE, "gemini-3-pro", "llama-4", "claude-bedrock"}
    written = "".join(house.firewall.lines) + listed.text
    assert not any(secret in written for secret in (AZURE_KEY, TOKEN, *AWS_KEY.values()))
