"""Requests for embeddings: `POST /v1/embeddings` and Gemini's `:embedContent` and `:batchEmbedContents`.

Nothing comes back that could be run; what is read is the model, and that no option is unknown.
Sources: https://developers.openai.com/api/reference/resources/embeddings, https://ai.google.dev/api/embeddings.
"""

from collections.abc import Iterator, Mapping

from firewall.codecs.gemini.fields import folded
from firewall.codecs.interface import ModelRequest, Usage
from firewall.codecs.upstream_json import loads_object
from firewall.core.errors import ProtocolError

JsonObject = Mapping[str, object]

_OPENAI = frozenset({
    "dimensions", "encoding_format", "input", "input_type", "model", "output_dtype", "truncate", "user",
})  # fmt: skip
"""The last four beside OpenAI's own are what compatible servers take (vLLM, NVIDIA, Voyage)."""
_GEMINI = frozenset({"content", "embedContentConfig", "model", "outputDimensionality", "taskType", "title"})
_BATCH = frozenset({"model", "requests"})


def read_openai(body: bytes, value: JsonObject) -> ModelRequest:
    """Read a request of OpenAI's dialect.

    Raises: ProtocolError (400) `option_unknown` or `invalid_request`, naming the field.
    """
    _known(value, _OPENAI, "")
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise ProtocolError("`model` must be a string")
    if not isinstance(value.get("input"), str | list):
        raise ProtocolError("`input` must be a string or a list")
    return ModelRequest(model=model, stream=False, body=body, identity=value)


def read_gemini(body: bytes, value: JsonObject, path: str) -> ModelRequest:
    """Read a request of Gemini's dialect; the model and the verb stand in the path.

    Raises: ProtocolError (400) `option_unknown`, `option_refused` or `invalid_request`, naming the field.
    """
    model, _, verb = path.rpartition("/")[2].partition(":")
    asked = folded(value, "body", "client")
    if verb == "batchEmbedContents":
        _known(asked, _BATCH, "")
        requests = asked.get("requests")
        if not isinstance(requests, list) or not all(isinstance(one, dict) for one in requests):
            raise ProtocolError("`requests` must be a list of objects")
        each = [folded(one, f"requests[{place}]", "client") for place, one in enumerate(requests)]
    else:
        each = [asked]
    for one in each:
        _known(one, _GEMINI, "")
    for one in [asked, *each]:
        if one.get("model") not in (None, model, f"models/{model}"):
            raise ProtocolError("a request names another model than the path", code="option_refused")
    references = tuple(dict.fromkeys(_files(each)))
    return ModelRequest(model=model, stream=False, body=body, identity=value, references=references)


def usage_of(body: bytes) -> Usage:
    """Return the tokens of an answer of either dialect; zero where it does not say or cannot be read.

    Raises: ProtocolError (upstream) when it is no JSON object.
    """
    value = loads_object(body)
    for key, name in (("usage", "prompt_tokens"), ("usageMetadata", "promptTokenCount")):
        told = value.get(key)
        count = told.get(name) if isinstance(told, dict) else None
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return Usage(input_tokens=count, is_reported=True)
    return Usage()


def _known(value: JsonObject, table: frozenset[str], where: str) -> None:
    for name in value:
        if name not in table:
            raise ProtocolError(
                f"option `{where}{name}` is not one that this gateway knows; remove it", code="option_unknown"
            )


def _files(value: object) -> Iterator[str]:
    """Files kept at the provider, anywhere below."""
    if isinstance(value, list):
        for one in value:
            yield from _files(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in ("fileUri", "file_uri"):
                yield str(one)
            else:
                yield from _files(one)
