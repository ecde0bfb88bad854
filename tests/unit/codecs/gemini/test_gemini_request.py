"""Reading Gemini requests: path, options in both spellings, hosted tools, files."""

import json

import pytest

from firewall.codecs.gemini import read_request
from firewall.codecs.gemini.tables import HOSTED_TOOLS
from firewall.core.call import CallForm
from firewall.core.errors import ProtocolError

STREAM = "/v1beta/models/gemini-3.8-flash:streamGenerateContent"
ASK = "/v1beta/models/gemini-3.8-flash:generateContent"
COUNT = "/v1beta/models/gemini-3.8-flash:countTokens"
HELLO = [{"role": "user", "parts": [{"text": "hello"}]}]


def read(value: dict, path: str = STREAM, headers: dict | None = None) -> object:
    """Read a request from its JSON."""
    return read_request(json.dumps(value).encode(), value, headers or {}, path)


def test_gemini_cli_request_passes_untouched() -> None:
    """What Gemini CLI sends passes byte for byte."""
    value = {
        "contents": [
            *HELLO,
            {"role": "model", "parts": [{"functionCall": {"name": "ls", "args": {}}, "thoughtSignature": "c2ln"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "ls", "response": {"output": "x"}}}]},
        ],
        "systemInstruction": {"role": "user", "parts": [{"text": "You are."}]},
        "tools": [{"functionDeclarations": [{"name": "run_shell_command", "parametersJsonSchema": {}}]}],
        "generationConfig": {
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxOutputTokens": 8000,
            "candidateCount": 2,
            "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"},
        },
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    }
    body = json.dumps(value, indent=2).encode()
    got = read_request(body, value, {"x-session-id": "ses_1"}, STREAM + "?alt=sse")
    assert (got.model, got.stream, got.session) == ("gemini-3.8-flash", True, "ses_1")
    assert (got.max_output_tokens, got.candidates, got.hosted, got.references) == (8000, 2, (), ())
    assert got.body is body


def test_the_python_sdk_spelling_passes() -> None:
    """snake_case options are the same options."""
    got = read(
        {
            "contents": HELLO,
            "system_instruction": {"parts": [{"text": "x"}]},
            "generation_config": {"max_output_tokens": 7},
            "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {}}]}],
            "tool_config": {"function_calling_config": {"stream_function_call_arguments": False}},
        },
        ASK,
    )
    assert (got.max_output_tokens, got.stream) == (7, False)


@pytest.mark.parametrize("name", sorted(HOSTED_TOOLS))
def test_hosted_tools_are_actions_of_the_request(name: str) -> None:
    """Every tool that the provider runs comes up as a hosted call, in either spelling."""
    snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
    for spelling in (name, snake):
        (call,) = read({"contents": HELLO, "tools": [{spelling: {"x": 1}}]}).hosted
        assert (call.name, call.form, call.arguments) == (name, CallForm.HOSTED, b'{"x":1}')


def test_one_tool_object_can_hold_several() -> None:
    """A hosted tool beside function declarations is found."""
    got = read(
        {"contents": HELLO, "tools": [{"functionDeclarations": [], "googleSearch": {}}, {"computerUse": {}}]}
    )
    assert [one.name for one in got.hosted] == ["googleSearch"]
    assert [one.name for one in read({"contents": HELLO, "tools": {"urlContext": {}}}).hosted] == ["urlContext"]


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"teleport": 1}, "option_unknown", "`teleport`"),
        ({"tools": [{"teleport": {}}]}, "option_unknown", "`tools[0]`"),
        ({"tools": ["x"]}, "invalid_request", "`tools[0]`"),
        ({"generationConfig": {"teleport": 1}}, "option_unknown", "`generationConfig.teleport`"),
        ({"generationConfig": 1}, "invalid_request", "`generationConfig`"),
        ({"toolConfig": {"teleport": 1}}, "option_unknown", "`toolConfig.teleport`"),
        (
            {"toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}}},
            "option_unknown",
            "streamFunctionCallArguments",
        ),
        ({"generationConfig": {}, "generation_config": {}}, "json_duplicate_key", "`generationConfig`"),
        ({"tools": [{"googleSearch": {}, "google_search": {}}]}, "json_duplicate_key", "`googleSearch`"),
        ({"model": "models/other"}, "option_refused", "`models/other`"),
        ({"cachedContent": 3}, "invalid_request", "`cachedContent`"),
    ],
)
def test_what_is_not_known_is_refused_by_name(fields: dict, code: str, named: str) -> None:
    """An option or tool that no table holds, or that stands there twice, is a 400 that names it."""
    with pytest.raises(ProtocolError) as caught:
        read({"contents": HELLO, **fields})
    assert (caught.value.code, caught.value.status) == (code, 400)
    assert named in caught.value.public


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/m",
        "/v1beta/models/:generateContent",
        "/v1beta/m:generateContent",
        "/v1beta/models/m:embedContent",
    ],
)
def test_paths_without_model_or_known_method_are_refused(path: str) -> None:
    """Model and method come from the path and nowhere else."""
    with pytest.raises(ProtocolError):
        read({"contents": HELLO}, path)


@pytest.mark.parametrize("query", ["?", "?alt=json", "?key=k", "?alt=sse&alt=json", "?alt=sse&$alt=json"])
def test_streams_in_other_formats_are_refused(query: str) -> None:
    """Only server-sent events can be held frame by frame."""
    with pytest.raises(ProtocolError) as caught:
        read({"contents": HELLO}, STREAM + query)
    assert caught.value.code == "stream_format_unsupported"
    assert read({"contents": HELLO}, ASK + query).stream is False


def test_model_in_the_body_must_agree() -> None:
    """The SDK may repeat the model; the path decides."""
    assert read({"contents": HELLO, "model": "models/gemini-3.8-flash"}).model == "gemini-3.8-flash"


def test_counting_reads_the_request_inside() -> None:
    """`countTokens` with a whole request is read like one; with contents only it passes."""
    inner = {"contents": HELLO, "tools": [{"googleSearch": {}}]}
    assert [one.name for one in read({"generateContentRequest": inner}, COUNT).hosted] == ["googleSearch"]
    assert read({"contents": HELLO}, COUNT).stream is False
    with pytest.raises(ProtocolError):
        read({"generateContentRequest": {"teleport": 1}}, COUNT)
    with pytest.raises(ProtocolError):
        read(inner, COUNT)


def test_provider_side_names_are_found() -> None:
    """Caches, files and stores that the provider would look up are brought to light."""
    file = {"fileData": {"fileUri": "files/a", "mimeType": "x"}}
    got = read(
        {
            "cachedContent": "cachedContents/1",
            "contents": [
                {"parts": [file, {"file_data": {"file_uri": "files/b"}}]},
                {"parts": [{"functionResponse": {"name": "f", "parts": [{"fileData": {"fileUri": "files/c"}}]}}]},
            ],
            "systemInstruction": {"parts": {"fileData": {"fileUri": "files/d"}}},
            "tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/1"]}}],
        }
    )
    assert got.references == ("fileSearchStores/1", "cachedContents/1", "files/a", "files/b", "files/c", "files/d")


def test_store_goes_upstream_as_false() -> None:
    """A request to keep the exchange is turned off in place."""
    assert read_request(b'{"store": true, "contents": []}', {"store": True, "contents": []}, {}, ASK).body == (
        b'{"store": false, "contents": []}'
    )


def test_identity_is_the_question() -> None:
    """Streamed or not is the same question of the same model; counting, or another model, is not."""
    value = {"contents": HELLO}
    assert read(value, STREAM).identity == read({**value, "store": True}, ASK).identity
    assert read(value, ASK).identity != read(value, COUNT).identity
    assert read(value, ASK).identity != read(value, ASK.replace("3.8", "3.9")).identity
