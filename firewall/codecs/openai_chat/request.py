"""Reading a `POST /v1/chat/completions` request: known options, hosted tools, provider ids.

Source: https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create.
"""

from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs import json_span
from firewall.codecs.amounts import candidate_count, token_limit
from firewall.codecs.interface import ModelRequest, few, request_of
from firewall.codecs.model_names import hosted_by, named_by
from firewall.codecs.openai_chat import tables
from firewall.codecs.openai_chat.counting import says_usage
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError

JsonObject = Mapping[str, object]

_ASKS_FOR_TOOLS = frozenset({"tools", *tables.HOSTED_OPTIONS})
_OBJECT = frozenset({dict})
_SESSION_HEADERS = ("x-opencode-session", "x-session-affinity", "x-session-id", "session-id", "session_id")


def read_request(body: bytes, value: JsonObject, headers: Mapping[str, str], path: str) -> ModelRequest:
    """Read a request; `store` goes upstream as false.

    Raises: ProtocolError (400) `option_unknown` or `invalid_request`, naming the field.
    """
    del path
    if not value.keys() <= tables.OPTIONS:
        name = next(name for name in value if name not in tables.OPTIONS)
        raise ProtocolError(
            f"option `{name}` is not one that this gateway knows; remove it", code="option_unknown"
        )
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise ProtocolError("`model` must be a string")
    is_streamed = _flag(value, "stream")
    is_plain = tables.TRANSPORT.isdisjoint(value)
    named = tuple(hosted_by(model)) if ":" in model else ()
    hosted = few((*_hosted(value), *named)) if named or not _ASKS_FOR_TOOLS.isdisjoint(value) else ()
    return request_of(
        model=model,
        stream=is_streamed,
        body=_unstored(body, value),
        identity=value if is_plain else {key: one for key, one in value.items() if key not in tables.TRANSPORT},
        hosted=hosted,
        beside=named_by(hosted) if hosted else (),
        references=_references(value["messages"]) if value.get("messages") is not None else (),
        session=_session(headers),
        max_output_tokens=_limit(value),
        candidates=candidate_count(value, "n") if "n" in value else 1,
        hides_usage=is_streamed and not says_usage(value),
    )


def _session(headers: Mapping[str, str]) -> str:
    for name in _SESSION_HEADERS:
        if found := headers.get(name):
            return found
    return ""


def _flag(value: JsonObject, name: str) -> bool:
    flag = value.get(name)
    if flag is None:
        return False
    if not isinstance(flag, bool):
        raise ProtocolError(f"`{name}` must be true or false")
    return flag


def _limit(value: JsonObject) -> int | None:
    newer = token_limit(value, "max_completion_tokens") if "max_completion_tokens" in value else None
    older = token_limit(value, "max_tokens") if "max_tokens" in value else None
    if newer is None or older is None:
        return older if newer is None else newer
    return max(newer, older)


def _unstored(body: bytes, value: JsonObject) -> bytes:
    if "store" not in value or value["store"] is False:
        return body
    span = json_span.locate(body, ("store",))
    if span is None:
        raise ProtocolError("`store` must be true or false")
    return json_span.splice(body, {span: b"false"})


def _hosted(value: JsonObject) -> Iterator[ToolCall]:
    for name in tables.HOSTED_OPTIONS:
        if value.get(name) is not None:
            yield ToolCall("", name, orjson.dumps(value[name]), CallForm.HOSTED)
    tools = value.get("tools")
    if tools is None:
        return
    for index, tool in enumerate(_objects(tools, "tools")):
        type_ = tool.get("type")
        is_word = isinstance(type_, str)
        if is_word and type_ in tables.CLIENT_TOOLS:
            continue
        if not is_word or type_ not in tables.HOSTED_TOOLS:
            raise ProtocolError(
                f"tool type `{type_}` at `tools.{index}` is not one that this gateway knows; remove it",
                code="option_unknown",
            )
        yield ToolCall("", type_, orjson.dumps(tool), CallForm.HOSTED)


def _references(messages: object) -> tuple[str, ...]:
    """Return audio answers and files that the provider keeps, none twice."""
    found: dict[str, None] = {}
    for message in _objects(messages, "messages"):
        audio = message.get("audio")
        if isinstance(audio, dict) and isinstance(audio.get("id"), str):
            found[audio["id"]] = None
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            file = part.get("file") if isinstance(part, dict) else None
            if isinstance(file, dict) and isinstance(file.get("file_id"), str):
                found[file["file_id"]] = None
    return tuple(found)


def _objects(value: object, where: str) -> list[JsonObject]:
    if not isinstance(value, list) or not {type(one) for one in value} <= _OBJECT:
        raise ProtocolError(f"`{where}` must be a list of objects")
    return value
