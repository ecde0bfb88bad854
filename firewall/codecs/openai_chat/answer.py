"""Whole chat completions: finding calls, replacing refused ones, folding and unfolding streams."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial

import orjson

from firewall.codecs import json_span, sse
from firewall.codecs.interface import Answer, ModelRequest, Pending, Ruling, read_of
from firewall.codecs.openai_chat import reading, render
from firewall.codecs.openai_chat.calls import Call, Choice
from firewall.codecs.openai_chat.notes import Notes
from firewall.codecs.openai_chat.tables import REASONING
from firewall.codecs.upstream_json import JsonObject, loads_object, malformed

_ASSIGNED = frozenset({"format", "id", "index", "name", "role", "signature", "type"})
"""Members whose pieces do not add up: a later one replaces an earlier one."""

_OBJECT = frozenset({dict})

Entry = tuple[JsonObject, JsonObject, Choice]
"""A choice of an answer, its message, and its state."""


def read_answer(body: bytes) -> Answer:
    """Find the tool calls of a complete answer.

    Raises: ProtocolError (side upstream) when it is no chat completion.
    """
    value, entries = _entries(body)
    notes = Notes()
    notes.issue(value.get("id"))
    notes.count(value)
    calls: list[Pending] = []
    seen: set[str] = set()
    for _, message, state in entries:
        notes.audio(message)
        for call in state.calls.values():
            found = call.call()
            if found.id and found.id in seen:
                malformed("two calls have the same id", code="answer_malformed")
            seen.add(found.id)
            calls.append(Pending(len(calls), found))
    return read_of(tuple(calls), notes.usage, notes.issued)


def rule_answer(body: bytes, rulings: Mapping[int, Ruling]) -> bytes:
    """Return the answer with refused calls replaced by text; `body` itself when all are released.

    Raises: ProtocolError as `read_answer`; ValueError when a call has no ruling.
    """
    value, entries = _entries(body)
    calls: list[Call] = [call for _, _, state in entries for call in state.calls.values()]
    for slot, call in enumerate(calls):
        call.ruling = rulings.get(slot)
        if call.ruling is None:
            raise ValueError(f"slot {slot} has no ruling")
    if all(call.is_released for call in calls):
        return body
    for choice, message, state in entries:
        render.rewrite(choice, message, state, streamed=False)
    return orjson.dumps(value)


def answer_of(stream: bytes) -> bytes:
    """Fold a complete, already ruled stream into one completion.

    Raises: ProtocolError (side upstream) when the stream has no regular end.
    """
    whole: JsonObject = {}
    choices: dict[int, JsonObject] = {}
    splitter = sse.Splitter()
    ended = False
    for frame in (*splitter.feed(stream), *splitter.finish()):
        if frame.lines == 0:
            continue
        if frame.data == render.DONE:
            ended = True
            break
        value = loads_object(frame.data)
        if value.get("error") is not None:
            break
        for choice in _objects(value.pop("choices", None)):
            _fold(choice, choices)
        whole |= {key: one for key, one in value.items() if one is not None or key not in whole}
    if not ended:
        malformed("the stream has no regular end", code="stream_truncated")
    whole.pop("obfuscation", None)
    whole["object"] = "chat.completion"
    whole["choices"] = [_finished(choices[index]) for index in sorted(choices)]
    return orjson.dumps(whole)


def stream_of(answer: bytes) -> bytes:
    """Unfold a complete, already ruled answer into its stream; the last chunk carries the usage.

    Raises: ProtocolError (side upstream) when it is no chat completion.
    """
    value, entries = _entries(answer)
    head = {key: one for key, one in value.items() if key not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    out: list[JsonObject] = []
    for choice, message, state in entries:
        out += (
            {**head, "choices": [{"index": state.index, "delta": said, "finish_reason": None}]}
            for said in _deltas(message)
        )
        end = {key: one for key, one in choice.items() if key != "message"}
        out.append({**head, "choices": [{**end, "delta": {}}]})
    if out and value.get("usage") is not None:
        out[-1]["usage"] = value["usage"]
    return b"".join(render.chunk(one) for one in out) + sse.frame(render.DONE)


def refusal(request: ModelRequest, text: str) -> bytes:
    """Return a whole completion that says only `text`, once for each candidate."""
    digest = hashlib.sha256(request.body + text.encode()).hexdigest()
    message = {"role": "assistant", "content": text, "refusal": None}
    return orjson.dumps({
        "id": f"chatcmpl-{digest[:24]}", "object": "chat.completion", "created": 0, "model": request.model,
        "choices": [
            {"index": index, "message": message, "logprobs": None, "finish_reason": "stop"}
            for index in range(request.candidates)
        ],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    })  # fmt: skip


def _entries(body: bytes) -> tuple[JsonObject, list[Entry]]:
    value = loads_object(body)
    choices = value.get("choices")
    if not isinstance(choices, list) or not {type(choice) for choice in choices} <= _OBJECT:
        malformed("it is no chat completion", code="answer_malformed")
    states: dict[int, Choice] = {}
    entries: list[Entry] = []
    places = json_span.Places(body, ("choices",))
    for place, choice in enumerate(choices):
        message = choice.get("message")
        if not isinstance(message, dict):
            malformed("a choice without a message", code="answer_malformed")
        if choice.get("index") in states:
            malformed("two choices have the same index", code="answer_malformed")
        state = reading.choice_of(choice, states)
        reading.read(choice, message, state, partial(places.element, place), streamed=False)
        entries.append((choice, message, state))
    return value, entries


def _objects(value: object) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _fold(choice: JsonObject, choices: dict[int, JsonObject]) -> None:
    index = choice.get("index")
    if type(index) is not int:
        malformed("a choice without an index")
    whole = choices.setdefault(index, {"index": index, "message": {"role": "assistant", "content": None}})
    message = whole["message"]
    delta = choice.get("delta")
    if isinstance(message, dict) and isinstance(delta, dict):
        _add(message, delta)
    rest = {key: one for key, one in choice.items() if key not in ("delta", "index", "logprobs")}
    whole |= {key: one for key, one in rest.items() if one is not None or key not in whole}
    logprobs = choice.get("logprobs")
    if isinstance(logprobs, dict):
        known = whole.setdefault("logprobs", {})
        if isinstance(known, dict):
            _add(known, logprobs)


def _add(whole: JsonObject, piece: JsonObject) -> None:
    """Add a delta: texts are joined, entries with an index are merged, other lists are extended."""
    for key, new in piece.items():
        old = whole.get(key)
        if new is None:
            whole.setdefault(key, None)
        elif isinstance(new, list):
            entries = old if isinstance(old, list) else []
            whole[key] = entries
            _extend(entries, new)
        elif isinstance(new, str) and isinstance(old, str) and key not in _ASSIGNED:
            whole[key] = old + new
        elif isinstance(new, dict) and isinstance(old, dict):
            _add(old, new)
        else:
            whole[key] = new


def _extend(entries: list[object], new: list[object]) -> None:
    for one in new:
        index = one.get("index") if isinstance(one, dict) else None
        if type(index) is not int:
            entries.append(one)
            continue
        found = next((old for old in entries if isinstance(old, dict) and old.get("index") == index), None)
        if found is None:
            entries.append(found := {})
        if isinstance(one, dict):
            _add(found, one)


def _finished(choice: JsonObject) -> JsonObject:
    message = choice["message"]
    for call in _objects(message.get("tool_calls") if isinstance(message, dict) else None):
        call.pop("index", None)
        call.setdefault("type", "custom" if "custom" in call else "function")
    choice.setdefault("finish_reason", None)
    return choice


def _deltas(message: JsonObject) -> Iterator[JsonObject]:
    yield {"role": message.get("role", "assistant"), "content": "" if message.get("content") is not None else None}
    thought = {key: one for key, one in message.items() if key in REASONING and one is not None}
    if thought:
        yield thought
    apart = ("role", "tool_calls", "function_call", *REASONING)
    said = {key: one for key, one in message.items() if key not in apart and one is not None}
    if said:
        yield said
    if message.get("function_call") is not None:
        yield {"function_call": message["function_call"]}
    for index, call in enumerate(_objects(message.get("tool_calls"))):
        yield {"tool_calls": [{"index": index, **call}]}
