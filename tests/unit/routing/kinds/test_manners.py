"""How each kind is asked: paths, fields, bodies and keys, without any network."""

import asyncio
import json
from dataclasses import replace

import orjson
import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError, ProtocolError, UpstreamError
from firewall.core.secret import Secret
from firewall.routing.kinds.anthropic_words import error_body
from firewall.routing.kinds.azure import Azure
from firewall.routing.kinds.bedrock import Bedrock
from firewall.routing.kinds.bodies import text_member, with_members
from firewall.routing.kinds.extra import WithFields
from firewall.routing.kinds.interface import Manner, ToSign
from firewall.routing.kinds.service_account import ServiceAccounts
from firewall.routing.kinds.vertex import Vertex, base_url_of
from firewall.routing.port import Credential, Endpoint, Upstream, UpstreamRequest

BODY = b'{"model":"m/1","max_tokens":1.0,"stream":true,"messages":[{"model":"x"}]}'
FIELDS = ((b"anthropic-beta", b"a, b"), (b"x-evil", b"1"))
MESSAGES = UpstreamRequest("POST", "/v1/messages", "beta=true", FIELDS, BODY)
CLOUD = "https://cloud.example.com"
DEPLOYED = "https://r.openai.azure.com/openai"


class Nobody:
    """Carries nothing."""

    async def open(self, endpoint: Endpoint, request: UpstreamRequest) -> object:
        """Fail: these tests ask nobody."""
        raise AssertionError((endpoint, request))


def asked(manner: Manner, request: UpstreamRequest, base_url: str = CLOUD) -> UpstreamRequest:
    """Return the request as it leaves."""
    nobody: Upstream = Nobody()  # type: ignore[assignment]  # never asked
    return asyncio.run(manner.asked(request, Endpoint("c", base_url), nobody))


def bedrock(key: str = "{}", dialect: Dialect = Dialect.ANTHROPIC) -> tuple[Bedrock, list[ToSign]]:
    """Return Bedrock with a signer that only notes what it signs."""
    signed: list[ToSign] = []

    def sign(request: ToSign, secret: Secret) -> dict[str, str]:
        signed.append(request)
        return {"authorization": f"signed by {secret.reveal()}", "x-amz-date": "now"}

    return Bedrock(dialect, "eu-central-1", lambda: Secret(key), sign), signed


def vertex(dialect: Dialect, key: str = "token") -> Vertex:
    """Return a project."""
    return Vertex(dialect, "acme", "eu", lambda: Secret(key), ServiceAccounts())


def test_members_change_and_everything_else_keeps_its_bytes() -> None:
    """Numbers, white space within values and order stay; a member of the same name further in stays too."""
    body = b' { "a" : 1.0 , "model":"m", "b":{"model": 1e5} , "stream": true}'
    changed = with_members(body, frozenset({"model", "stream"}), {"v": "x"})
    assert changed == b'{"v":"x","a" : 1.0,"b":{"model": 1e5}}'
    assert with_members(b"{}", frozenset(), {"v": 1}) == b'{"v":1}'
    assert with_members(b'{"v": 2}', frozenset(), {"v": 1}) == b'{"v":1}'
    assert text_member(b'{"model": 3}', "model") == ""


def test_bedrock_invokes_by_name() -> None:
    """The model goes into the path as one segment, betas into the body; what was not asked for stays out."""
    manner, signed = bedrock()
    sent = asked(manner, MESSAGES)
    assert (sent.path, sent.query) == ("/model/m%2F1/invoke-with-response-stream", "")
    assert orjson.loads(sent.body) == {
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["a", "b"],
        "max_tokens": 1.0,
        "messages": [{"model": "x"}],
    }
    assert b"1.0" in sent.body
    assert {name for name, _ in sent.fields} == {b"x-amz-date"}
    assert sent.credential is not None
    assert (sent.credential.header, sent.verbatim, signed[0].service) == ("authorization", True, "bedrock")
    assert signed[0].body == sent.body
    assert asked(manner, replace(MESSAGES, streamed=False)).path.endswith("/invoke")


def test_bedrock_where_it_speaks_the_dialect_only_signs() -> None:
    """Native places take the client's bytes; Mantle is signed for its own service, an API key is a bearer."""
    manner, signed = bedrock()
    native = asked(manner, MESSAGES, "https://bedrock-runtime.eu-central-1.amazonaws.com/anthropic")
    assert (native.path, native.body) == ("/v1/messages", BODY)
    asked(manner, MESSAGES, "https://bedrock-mantle.eu-central-1.api.aws/anthropic")
    assert [one.service for one in signed] == ["bedrock", "bedrock-mantle"]
    keyed, unsigned = bedrock("bedrock-api-key")
    sent = asked(keyed, MESSAGES)
    assert sent.credential is not None
    assert (sent.credential.prefix, sent.credential.secret.reveal()) == ("Bearer ", "bedrock-api-key")
    assert unsigned == []
    chat, _ = bedrock(dialect=Dialect.OPENAI_CHAT)
    assert asked(chat, MESSAGES, "https://x.example.com/openai/v1").body == BODY


@pytest.mark.parametrize("body", [b'{"max_tokens": 1}', b'{"model": ".."}', b'{"model": ""}', b'{"model": 3}'])
def test_without_a_model_nothing_is_asked(body: bytes) -> None:
    """A path needs a name, and none that leads elsewhere."""
    manner, _ = bedrock()
    with pytest.raises(ProtocolError):
        asked(manner, replace(MESSAGES, body=body))
    with pytest.raises(ProtocolError):
        asked(Azure(), UpstreamRequest("POST", "/embeddings", body=body), DEPLOYED)


def test_what_a_cloud_does_not_serve_is_said_before_it_is_asked() -> None:
    """Lists, and counts at Bedrock, are nobody's there."""
    listing = UpstreamRequest("GET", "/v1/models")
    for manner in (bedrock()[0], vertex(Dialect.ANTHROPIC), vertex(Dialect.GEMINI)):
        with pytest.raises(UpstreamError) as refused:
            asked(manner, listing)
        assert refused.value.status == 404


def test_vertex_has_paths_of_its_project() -> None:
    """Claude loses its model and gains a version; Gemini's body and query stay as they are."""
    claude = asked(vertex(Dialect.ANTHROPIC), MESSAGES)
    assert claude.path == "/v1/projects/acme/locations/eu/publishers/anthropic/models/m%2F1:streamRawPredict"
    assert orjson.loads(claude.body)["anthropic_version"] == "vertex-2023-10-16"
    assert orjson.loads(claude.body)["stream"] is True
    gemini = UpstreamRequest("POST", "/v1beta/models/g-3:streamGenerateContent", "alt=sse", (), b"{}")
    sent = asked(vertex(Dialect.GEMINI), gemini)
    assert (sent.body, sent.query) == (b"{}", "alt=sse")
    assert sent.path == "/v1/projects/acme/locations/eu/publishers/google/models/g-3:streamGenerateContent"
    assert sent.credential is not None
    assert sent.credential.prefix == "Bearer "
    assert base_url_of("eu") == "https://aiplatform.eu.rep.googleapis.com"
    assert base_url_of("europe-west1") == "https://europe-west1-aiplatform.googleapis.com"


@pytest.mark.parametrize("key", ["{}", "{", '{"private_key": "x", "client_email": "y"}', '{"private_key": 3}'])
def test_a_key_that_is_none_is_a_configuration_error(key: str) -> None:
    """Neither the error nor what hangs on it quotes the key."""
    with pytest.raises(ConfigError) as refused:
        asked(vertex(Dialect.GEMINI, key), UpstreamRequest("POST", "/v1beta/models/g:generateContent"))
    assert refused.value.__cause__ is None


def test_azure_asks_deployments_by_path() -> None:
    """A form names its model too; Responses name it in the body; v1 needs no version."""
    chat = UpstreamRequest("POST", "/chat/completions", body=b'{"model":"a/b"}')
    assert asked(Azure(), chat, DEPLOYED).path == "/deployments/a%2Fb/chat/completions"
    form = UpstreamRequest(
        "POST",
        "/images/edits",
        fields=((b"content-type", b"multipart/form-data; boundary=b"),),
        body=b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\npaint\r\n--b--',
    )
    sent = asked(Azure("2025-04-01-preview"), form, DEPLOYED)
    assert (sent.path, sent.query) == ("/deployments/paint/images/edits", "api-version=2025-04-01-preview")
    answers = asked(Azure(), UpstreamRequest("POST", "/responses", "x=1", body=b"{}"), DEPLOYED)
    assert (answers.path, answers.query) == ("/responses", "x=1&api-version=2024-10-21")
    assert asked(Azure("preview"), chat, f"{DEPLOYED}/v1").query == "api-version=preview"
    assert asked(Azure(), chat, f"{DEPLOYED}/v1/") == chat


def test_fixed_fields_replace_the_clients() -> None:
    """What the table keeps back stays back, also beside fixed fields, and within another kind."""
    credential = Credential("authorization", Secret("k"), "Bearer ", of_client=True)
    fields = ((b"x-title", b"evil"), (b"cookie", b"a"), (b"openai-project", b"p"))
    request = UpstreamRequest("POST", "/x", fields=fields, credential=credential)
    fixed = [(b"x-title", b"ours")]
    assert list(asked(WithFields(fixed), request).fields) == [(b"openai-project", b"p"), (b"x-title", b"ours")]
    both = asked(WithFields(fixed, bedrock("key")[0]), MESSAGES)
    assert (b"x-title", b"ours") in both.fields
    assert both.path.startswith("/model/")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "slow"}', "slow"),
        (b'{"Message": "slow"}', "slow"),
        (b'[{"error": {"code": 403, "message": "slow", "status": "PERMISSION_DENIED"}}]', "slow"),
        (b'{"error": {"message": "slow", "status": "X"}}', "slow"),
        (b"<html>", "status 429"),
        (b"[]", "status 429"),
        (b"[", "status 429"),
    ],
)
def test_errors_of_clouds_are_anthropics(body: bytes, said: str) -> None:
    """Whatever shape an error has, Claude's clients read it as their own; its own stays byte for byte."""
    value = json.loads(error_body(429, body))
    assert (value["type"], value["error"]["type"]) == ("error", "rate_limit_error")
    assert said in value["error"]["message"]
    own = b'{"type":"error","error":{"type":"x","message":"y"}}'
    assert error_body(400, own) is own
