"""Reading a `:generateContent`, `:streamGenerateContent` or `:countTokens` request.

Source: https://ai.google.dev/api/generate-content. The model and the verb stand in the path.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, unquote

import orjson

from firewall.codecs import json_span
from firewall.codecs.amounts import candidate_count, token_limit
from firewall.codecs.gemini import tables
from firewall.codecs.gemini.fields import JsonObject, folded
from firewall.codecs.interface import ModelRequest, few
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError

_SESSION_HEADERS = ("session-id", "x-session-id", "x-session-affinity")


def read_request(body: bytes, value: JsonObject, headers: Mapping[str, str], path: str) -> ModelRequest:
    """Read a request; a `store` that is true goes upstream as false.

    `path` may carry the query (`…?alt=sse`): a stream in any other format is then refused.

    Raises: ProtocolError (400) `option_unknown`, `option_refused`, `json_duplicate_key`,
    `stream_format_unsupported` or `invalid_request`, naming the field.
    """
    model, verb = _target(path)
    asked = _asked(value, verb, model)
    hosted: list[ToolCall] = []
    references: list[str] = []
    _read_tools(asked.get("tools"), hosted, references)
    _check_tool_config(asked.get("toolConfig"))
    limit, candidates = _read_generation(asked.get("generationConfig"))
    references += _cached(asked)
    references += _files(asked.get("contents"))
    references += _files(asked.get("systemInstruction"))
    return ModelRequest(
        model=model,
        stream=verb == "streamGenerateContent",
        body=_unstored(body, value),
        identity=_identity(value, model, verb),
        hosted=few(hosted),
        references=tuple(dict.fromkeys(references)),
        session=next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), ""),
        max_output_tokens=limit,
        candidates=candidates,
    )


def _identity(value: JsonObject, model: str, verb: str) -> dict[str, object]:
    identity = {key: one for key, one in value.items() if key != "store"} | {"model": model}
    # Streamed or not is the same question; counting is another one.
    return identity | {"method": verb} if verb == "countTokens" else identity


def _target(path: str) -> tuple[str, str]:
    bare, mark, query = path.partition("?")
    _, found, last = bare.rpartition("/models/")
    model, colon, verb = last.rpartition(":")
    if not found or not colon or not model or verb not in tables.VERBS:
        raise ProtocolError("the path must end in `/models/MODEL:METHOD` with a known method")
    if mark and verb == "streamGenerateContent":
        formats = {one for name, one in parse_qsl(query, keep_blank_values=True) if name in ("alt", "$alt")}
        if formats != {"sse"}:
            raise ProtocolError(
                "only streams with `alt=sse` are supported; add it", code="stream_format_unsupported"
            )
    return unquote(model), verb


def _asked(value: JsonObject, verb: str, model: str) -> dict[str, object]:
    asked = folded(value, "body", "client")
    if verb == "countTokens":
        _known(asked, tables.COUNT_OPTIONS, "")
        inner = asked.get("generateContentRequest")
        if inner is not None:
            asked = folded(_object(inner, "generateContentRequest"), "generateContentRequest", "client")
            _known(asked, tables.OPTIONS, "generateContentRequest.")
    else:
        _known(asked, tables.OPTIONS, "")
    named = asked.get("model")
    if named is not None and named not in (model, f"models/{model}"):
        raise ProtocolError(f"`model` says `{named}`, the path says `{model}`", code="option_refused")
    return asked


def _known(value: JsonObject, table: frozenset[str], where: str) -> None:
    for name in value:
        if name not in table:
            raise ProtocolError(
                f"option `{where}{name}` is not one that this gateway knows; remove it", code="option_unknown"
            )


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ProtocolError(f"`{where}` must be an object")
    return value


def _unstored(body: bytes, value: JsonObject) -> bytes:
    if value.get("store") in (None, False):
        return body
    found = json_span.locate(body, ("store",))
    return body if found is None else json_span.splice(body, {found: b"false"})


def _check_tool_config(value: object) -> None:
    if value is None:
        return
    config = folded(_object(value, "toolConfig"), "toolConfig", "client")
    _known(config, tables.TOOL_CONFIG, "toolConfig.")
    calling = config.get("functionCallingConfig")
    if calling is not None:
        where = "toolConfig.functionCallingConfig"
        inner = folded(_object(calling, where), where, "client")
        if inner.get("streamFunctionCallArguments") is False:
            del inner["streamFunctionCallArguments"]
        _known(inner, tables.CALLING, f"{where}.")


def _read_generation(value: object) -> tuple[int | None, int]:
    if value is None:
        return None, 1
    config = folded(_object(value, "generationConfig"), "generationConfig", "client")
    _known(config, tables.GENERATION, "generationConfig.")
    for name in tables.CHOOSING:
        if config.get(name) is not None:
            raise ProtocolError(f"option `generationConfig.{name}` is refused here", code="option_refused")
    limit = token_limit(config, "maxOutputTokens")
    return limit or None, candidate_count(config, "candidateCount")  # 0 is how protobuf says that nothing was said


def _read_tools(value: object, hosted: list[ToolCall], references: list[str]) -> None:
    if value is None:
        return
    for place, tool in enumerate(value if isinstance(value, list) else [value]):
        where = f"tools[{place}]"
        for name, declared in folded(_object(tool, where), where, "client").items():
            if name in tables.HOSTED_TOOLS:
                hosted.append(ToolCall("", name, orjson.dumps(declared), CallForm.HOSTED))
                references += _stores(name, declared)
            elif name not in tables.CLIENT_TOOLS:
                raise ProtocolError(
                    f"tool type `{name}` at `{where}` is not one that this gateway knows", code="option_unknown"
                )


def _stores(name: str, declared: object) -> list[str]:
    if name != "fileSearch" or not isinstance(declared, dict):
        return []
    stores = folded(declared, "fileSearch", "client").get("fileSearchStoreNames")
    return [one for one in stores if isinstance(one, str)] if isinstance(stores, list) else []


def _cached(asked: JsonObject) -> list[str]:
    name = asked.get("cachedContent")
    if name is None:
        return []
    if not isinstance(name, str):
        raise ProtocolError("`cachedContent` must be a string")
    return [name]


def _files(contents: object) -> Iterator[str]:
    for content in contents if isinstance(contents, list) else [contents]:
        if not isinstance(content, dict):
            continue
        parts = content.get("parts")
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, dict):
                yield from _part_files(part, depth=0)


def _part_files(part: JsonObject, *, depth: int) -> Iterator[str]:
    known = folded(part, "part", "client")
    data = known.get("fileData")
    if isinstance(data, dict):
        uri = folded(data, "fileData", "client").get("fileUri")
        if isinstance(uri, str):
            yield uri
    answer = known.get("functionResponse")
    inner = answer.get("parts") if isinstance(answer, dict) and depth == 0 else None
    for one in inner if isinstance(inner, list) else []:
        if isinstance(one, dict):
            yield from _part_files(one, depth=1)
