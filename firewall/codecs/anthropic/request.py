"""Reading a `POST /v1/messages` request: known options only, hosted tools and provider-side ids brought to light.

Source: https://platform.claude.com/docs/en/api/messages/create.
"""

import re
from collections.abc import Iterator, Mapping

import orjson

from firewall.codecs.amounts import token_limit
from firewall.codecs.anthropic import tables
from firewall.codecs.interface import ModelRequest, few
from firewall.codecs.model_names import hosted_by, named_by
from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError

JsonObject = Mapping[str, object]

_SESSION_HEADERS = ("x-claude-code-session-id", "x-opencode-session", "x-session-affinity", "x-session-id")
_SESSION_IN_USER = re.compile(r"_session_([0-9A-Za-z-]+)$")


def read_request(body: bytes, value: JsonObject, headers: Mapping[str, str], path: str) -> ModelRequest:
    """Read a request; its bytes go upstream as they are.

    Raises: ProtocolError (400) `option_unknown`, `option_refused` or `invalid_request`, naming the field.
    """
    del path
    _refuse_options(value)
    model = value.get("model")
    if not isinstance(model, str) or not model:
        raise ProtocolError("`model` must be a string")
    hosted = [
        *_hosted_tools(value.get("tools")),
        *_remote_servers(value.get("mcp_servers")),
        *_hosted_in_messages(value.get("messages")),
        *hosted_by(model),
    ]
    return ModelRequest(
        model=model,
        stream=_flag(value, "stream"),
        body=body,
        identity={key: one for key, one in value.items() if key != "stream"},
        hosted=few(hosted),
        beside=named_by(hosted),
        references=tuple(dict.fromkeys(_references(value))),
        session=_session(value, headers),
        max_output_tokens=token_limit(value, "max_tokens"),
    )


def _refuse_options(value: JsonObject) -> None:
    for name in value:
        if name not in tables.OPTIONS:
            raise ProtocolError(
                f"option `{name}` is not one that this gateway knows; remove it", code="option_unknown"
            )
    for name in tables.REFUSED:
        if value.get(name) is not None:
            raise ProtocolError(f"option `{name}` is refused here; remove it", code="option_refused")


def _flag(value: JsonObject, name: str) -> bool:
    flag = value.get(name, False)
    if not isinstance(flag, bool):
        raise ProtocolError(f"`{name}` must be true or false")
    return flag


def _hosted_tools(tools: object) -> Iterator[ToolCall]:
    if tools is None:
        return
    for index, tool in enumerate(_objects(tools, "tools")):
        yield from _hosted_tool(tool, f"tools.{index}")


def _hosted_tool(tool: JsonObject, where: str) -> Iterator[ToolCall]:
    type_ = tool.get("type")
    if type_ is None:
        return
    if not isinstance(type_, str) or not (tables.is_client_tool(type_) or tables.is_hosted_tool(type_)):
        raise ProtocolError(
            f"tool type `{type_}` at `{where}` is not one that this gateway knows; remove it",
            code="option_unknown",
        )
    if tables.is_hosted_tool(type_):
        yield _hosted(type_, tool)


def _remote_servers(servers: object) -> Iterator[ToolCall]:
    if servers is None:
        return
    for server in _objects(servers, "mcp_servers"):
        yield _hosted("mcp_servers", server)


def _hosted(name: str, declared: JsonObject) -> ToolCall:
    return ToolCall(id="", name=name, arguments=orjson.dumps(declared), form=CallForm.HOSTED)


def _hosted_in_messages(messages: object) -> Iterator[ToolCall]:
    """A `tool_addition` block in the middle of a conversation may define a tool."""
    if messages is None:
        return
    for place, message in enumerate(_objects(messages, "messages")):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for index, block in enumerate(_objects(content, f"messages.{place}.content")):
            type_ = block.get("type")
            if not isinstance(type_, str) or type_ not in tables.INPUT_BLOCKS:
                raise ProtocolError(
                    f"content block `{type_}` at `messages.{place}.content.{index}` is not one that this "
                    "gateway knows; remove it",
                    code="option_unknown",
                )
            tool = block.get("tool")
            if type_ == "tool_addition" and isinstance(tool, dict) and "definition" in tool:
                definition = tool["definition"]
                if not isinstance(definition, dict):
                    raise ProtocolError(f"`messages.{place}.content.{index}.tool.definition` must be an object")
                spot = f"messages.{place}.content.{index}.tool.definition"
                yield from _hosted_tool(definition, spot)


def _objects(value: object, where: str) -> list[JsonObject]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ProtocolError(f"`{where}` must be a list of objects")
    return value


def _references(value: JsonObject) -> Iterator[str]:
    container = value.get("container")
    if isinstance(container, str):
        yield container
    elif isinstance(container, dict):
        yield from _strings(container.get("id"))
        skills = container.get("skills")
        for skill in skills if isinstance(skills, list) else ():
            if isinstance(skill, dict) and skill.get("type") != "anthropic":
                yield from _strings(skill.get("skill_id"))
    yield from _named(value.get("diagnostics"))
    yield from _named(value.get("messages"))
    yield from _named(value.get("system"))


def _named(value: object) -> Iterator[str]:
    """Ids at the provider anywhere below, except in what a call was asked with: that is only history."""
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict | list):
                yield from _named(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in tables.REFERENCE_KEYS:
                yield from _strings(one)
            elif key != "input" and isinstance(one, dict | list):
                yield from _named(one)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value


def _session(value: JsonObject, headers: Mapping[str, str]) -> str:
    for name in _SESSION_HEADERS:
        if headers.get(name):
            return headers[name]
    metadata = value.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user, str):
        return ""
    found = _SESSION_IN_USER.search(user)
    if found is not None:
        return found.group(1)
    try:
        parts: object = orjson.loads(user)
    except orjson.JSONDecodeError:
        return ""
    session = parts.get("session_id") if isinstance(parts, dict) else None
    return session if isinstance(session, str) else ""
