"""Where a conversation first held a text: in which message, and of which tool call's result.

Read only after something was found, so it walks the whole request. It knows the four dialects by the names of
their fields alone; what it says is for people and proves nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

_HISTORIES = ("messages", "input", "contents")
_CALL_IDS = ("tool_use_id", "tool_call_id", "call_id")
_MAX_DEPTH = 32
_SHOWN = 160
_ARGUMENTS = ("command", "cmd", "file_path", "path", "url", "query", "pattern")


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A text that holds what is looked for, with the innermost tool result or call around it."""

    call_id: str
    name: str


def first_sighting(request: Mapping[str, object], value: str) -> str:
    """Say where a request's history first holds `value`; empty: nowhere.

    E.g. `result of Bash: cat deploy/.env, message 17`; messages are counted from 1.
    """
    history: object = next((request[key] for key in _HISTORIES if key in request), None)
    items = history if isinstance(history, list) else [history]
    calls: dict[str, str] = {}
    for number, item in enumerate(items, 1):
        calls.update(_calls(item, 0))
        seen = next(_sightings(item, value, _Sighting("", ""), 0), None)
        if seen is not None:
            return _said(seen, calls, number, item)
    for key in ("system", "instructions", "systemInstruction", "system_instruction"):
        if next(_sightings(request.get(key), value, _Sighting("", ""), 0), None) is not None:
            return "the system prompt"
    return ""


def _said(seen: _Sighting, calls: Mapping[str, str], number: int, item: object) -> str:
    of = calls.get(seen.call_id) or seen.name
    if of:
        return f"result of {of}, message {number}"
    role = item.get("role") if isinstance(item, Mapping) else "user"
    return f"a message of the {role if isinstance(role, str) else 'user'}, message {number}"


def _sightings(value: object, wanted: str, around: _Sighting, depth: int) -> Iterator[_Sighting]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        if wanted in value:
            yield around
    elif isinstance(value, list):
        for item in value:
            yield from _sightings(item, wanted, around, depth + 1)
    elif isinstance(value, Mapping):
        found = next((str(value[key]) for key in _CALL_IDS if isinstance(value.get(key), str)), "")
        response = value.get("functionResponse")
        if found:
            around = _Sighting(found, "a tool")
        elif isinstance(response, Mapping):
            around = _Sighting(str(response.get("id", "")), str(response.get("name", "a tool")))
        for item in value.values():
            yield from _sightings(item, wanted, around, depth + 1)


def _calls(value: object, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the id of every tool call, with its name and what it was told in short."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _calls(item, depth + 1)
    elif isinstance(value, Mapping):
        function = value.get("function")
        inner = function if isinstance(function, Mapping) else value
        name = inner.get("name")
        told = next((inner[key] for key in ("input", "arguments", "args") if key in inner), None)
        ident = value.get("call_id") or value.get("id")
        if isinstance(name, str) and isinstance(ident, str) and told is not None:
            yield ident, _short(name, told)
        for item in value.values():
            if isinstance(item, Mapping | list):
                yield from _calls(item, depth + 1)


def _short(name: str, told: object) -> str:
    """Name a call by its tool and the argument that says most."""
    arguments = told
    if isinstance(told, str):
        try:
            arguments = orjson.loads(told)
        except orjson.JSONDecodeError:
            return f"{name}: {told[:_SHOWN]}"
    if not isinstance(arguments, Mapping):
        return name
    said: object = next((arguments[key] for key in _ARGUMENTS if key in arguments), "")
    text = " ".join(map(str, said)) if isinstance(said, list) else str(said)
    return f"{name}: {text[:_SHOWN]}" if text else name
