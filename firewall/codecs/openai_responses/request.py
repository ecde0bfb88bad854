"""Reading a `POST /v1/responses` request: known options only, hosted tools and provider-side ids brought to light.

Source: https://developers.openai.com/api/reference/resources/responses/methods/create.
"""

from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs import json_span
from firewall.codecs.amounts import token_limit
from firewall.codecs.interface import ModelRequest, few
from firewall.codecs.model_names import hosted_by, named_by
from firewall.codecs.openai_responses import tables
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError

_SESSION_HEADERS = ("session-id", "session_id", "thread-id", "x-session-id", "x-session-affinity")
_MAX_DEPTH = 8

JsonObject = Mapping[str, object]


def read_request(body: bytes, value: JsonObject, headers: Mapping[str, str], path: str) -> ModelRequest:
    """Read a request; `store` goes upstream as false.

    Raises: ProtocolError (400) `option_unknown`, `option_refused` or `invalid_request`, naming the field.
    """
    del path
    _refuse_options(value)
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise ProtocolError("`model` must be a string")
    hosted: list[ToolCall] = []
    references: list[str] = []
    _read_top(value, references)
    _read_tools(value.get("tools"), "tools", hosted, references)
    _read_input(value.get("input"), hosted, references)
    hosted += hosted_by(model)
    return ModelRequest(
        model=model,
        stream=_flag(value, "stream"),
        body=_unstored(body, value),
        identity={key: one for key, one in value.items() if key not in tables.TRANSPORT},
        hosted=few(hosted),
        beside=named_by(hosted),
        references=tuple(dict.fromkeys(references)),
        session=_session(value, headers),
        max_output_tokens=token_limit(value, "max_output_tokens"),
    )


def _refuse_options(value: JsonObject) -> None:
    for name in value:
        if name not in tables.OPTIONS:
            raise ProtocolError(
                f"option `{name}` is not one that this gateway knows; remove it", code="option_unknown"
            )
    for name in tables.REFUSED:
        if value.get(name) not in (None, False):
            raise ProtocolError(f"option `{name}` is refused here; remove it", code="option_refused")


def _flag(value: JsonObject, name: str) -> bool:
    flag = value.get(name)
    if flag is None:
        return False
    if not isinstance(flag, bool):
        raise ProtocolError(f"`{name}` must be true or false")
    return flag


def _unstored(body: bytes, value: JsonObject) -> bytes:
    if value.get("store") is False:
        return body
    found = json_span.locate(body, ("store",)) if "store" in value else None
    if found is not None:
        return json_span.splice(body, {found: b"false"})
    brace = body.index(b"{") + 1
    return body[:brace] + b'"store":false,' + body[brace:]


def _session(value: JsonObject, headers: Mapping[str, str]) -> str:
    for name in _SESSION_HEADERS:
        if headers.get(name):
            return headers[name]
    key = value.get("prompt_cache_key")
    return key if isinstance(key, str) else ""


def _read_top(value: JsonObject, references: list[str]) -> None:
    references += _ids(value, "previous_response_id")
    prompt = value.get("prompt")
    if isinstance(prompt, dict):
        references += _ids(prompt, "id")
    elif prompt is not None:
        raise ProtocolError("`prompt` must be an object")
    cache = value.get("prompt_cache_options")
    if isinstance(cache, dict):
        references += _ids(cache, "comparison_response_id")


def _read_tools(
    tools: object, where: str, hosted: list[ToolCall], references: list[str], *, depth: int = 0
) -> None:
    if tools is None:
        return
    if not isinstance(tools, list) or depth > _MAX_DEPTH:
        raise ProtocolError(f"`{where}` must be a list of tools")
    for place, tool in enumerate(tools):
        spot = f"{where}[{place}]"
        if not isinstance(tool, dict):
            raise ProtocolError(f"`{spot}` must be an object")
        name = tool.get("type")
        if name == "namespace":
            _read_tools(tool.get("tools"), f"{spot}.tools", hosted, references, depth=depth + 1)
        elif _is_hosted(tool):
            hosted.append(ToolCall("", str(name), orjson.dumps(tool), CallForm.HOSTED))
            references += _tool_ids(tool)
        elif not isinstance(name, str) or name not in tables.CLIENT_TOOLS | {"shell"}:
            raise ProtocolError(
                f"tool type `{name}` at `{spot}` is not one that this gateway knows", code="option_unknown"
            )


def _is_hosted(tool: JsonObject) -> bool:
    name = tool.get("type")
    if name == "shell":
        place = tool.get("environment")
        # FAIL-CLOSED: a shell whose place is not said to be the agent's own is the provider's.
        return not (isinstance(place, dict) and place.get("type") == "local")
    return isinstance(name, str) and name in tables.HOSTED_TOOLS


def _tool_ids(tool: JsonObject) -> Iterator[str]:
    yield from _ids(tool, "vector_store_ids")
    container = tool.get("container")
    if isinstance(container, str):
        yield container
    for key in ("container", "environment", "input_image_mask"):
        inner = tool.get(key)
        if isinstance(inner, dict):
            for name in ("container_id", "file_id", "file_ids"):
                yield from _ids(inner, name)
            yield from _skill_ids(inner.get("skills"))


def _skill_ids(skills: object) -> Iterator[str]:
    for skill in skills if isinstance(skills, list) else []:
        if isinstance(skill, dict):
            yield from _ids(skill, "skill_id")


def _read_input(items: object, hosted: list[ToolCall], references: list[str]) -> None:
    if items is None or isinstance(items, str):
        return
    if not isinstance(items, list):
        raise ProtocolError("`input` must be a string or a list")
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise ProtocolError(f"`input[{place}]` must be an object")
        name = _item_type(item)
        if name not in tables.INPUT_ITEMS:
            raise ProtocolError(
                f"item type `{name}` at `input[{place}]` is not one that this gateway knows",
                code="option_unknown",
            )
        if name == "item_reference":
            references += _ids(item, "id")
        elif name in tables.DECLARING_ITEMS:
            _read_tools(item.get("tools"), f"input[{place}].tools", hosted, references)
        elif name == "mcp_approval_response" and item.get("approve") is not False:
            # An approval makes the provider run the call at once: it is an action of this request.
            hosted.append(ToolCall("", name, orjson.dumps(item), CallForm.HOSTED))
        else:
            references += _file_ids(item)


def _item_type(item: JsonObject) -> str:
    name = item.get("type")
    if name is None:
        # The API takes a bare {role, content} as a message and a bare {id} as a reference.
        return "message" if "role" in item else "item_reference" if "id" in item else "null"
    return name if isinstance(name, str) else orjson.dumps(name).decode()


def _file_ids(item: JsonObject) -> Iterator[str]:
    for key in ("content", "output"):
        inner = item.get(key)
        for part in inner if isinstance(inner, list) else [inner]:
            if isinstance(part, dict):
                yield from _ids(part, "file_id")


def _ids(holder: JsonObject, key: str) -> list[str]:
    found = holder.get(key)
    if found is None:
        return []
    ids = found if isinstance(found, list) else [found]
    if not all(isinstance(one, str) for one in ids):
        raise ProtocolError(f"`{key}` must hold ids as strings")
    return [one for one in ids if isinstance(one, str)]
