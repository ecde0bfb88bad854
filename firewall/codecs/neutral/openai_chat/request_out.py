"""The neutral form, written as a request of Chat Completions: its options; `messages_out` writes what is said."""

from collections.abc import Mapping

import orjson

from firewall.codecs.neutral import names
from firewall.codecs.neutral.form import Choosing, Effort, Output, Request, Tool, ToolChoice
from firewall.codecs.neutral.interface import There, Wire
from firewall.codecs.neutral.losses import Losses, untranslatable
from firewall.codecs.neutral.openai_chat import messages_out
from firewall.codecs.neutral.openai_chat.models import Facts, facts_of
from firewall.core.call import CallForm

JsonObject = dict[str, object]

_MOST_STOPS = 4
_LITTLE, _MUCH = 4_096, 16_384
"""Budgets of thinking, in tokens, up to which the effort is low, and from which it is high."""
_MAX_DEPTH = 32


def write_request(request: Request, there: There, losses: Losses) -> Wire:
    """Write a request for a provider.

    Raises: ProtocolError (400) `untranslatable`.
    """
    facts = facts_of(there.model)
    body: JsonObject = {"model": there.model, "messages": messages_out.messages(request, there, losses)}
    if request.max_tokens is not None:
        body["max_completion_tokens" if facts.is_openai else "max_tokens"] = request.max_tokens
    if request.tools:
        body["tools"] = [_tool(tool, losses) for tool in request.tools]
        if request.choice is not None:
            body["tool_choice"] = _choice(request.choice, request)
        if request.parallel is False:
            body["parallel_tool_calls"] = False
    if request.output is not None:
        body["response_format"] = _format(request.output)
    if len(request.stop) > _MOST_STOPS:
        untranslatable("stop", f"this provider knows at most {_MOST_STOPS}")
    if request.stop:
        body["stop"] = list(request.stop)
    _think(body, request, facts, losses)
    _sample(body, request, facts, losses)
    if request.is_streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return Wire(orjson.dumps(body), "/chat/completions", names=names.renamed(request.tools))


def _tool(tool: Tool, losses: Losses) -> JsonObject:
    name = names.fitted(tool.name, namespace=tool.namespace)
    described: JsonObject = {"description": tool.description} if tool.description else {}
    if tool.form is not CallForm.JSON:
        grammar: JsonObject = {} if tool.grammar is None else {"format": tool.grammar}
        return {"type": "custom", "custom": {"name": name, **described, **grammar}}
    function: JsonObject = {"name": name, **described}
    function["parameters"] = tool.schema or {"type": "object", "properties": {}}
    if tool.strict:
        if tool.schema is not None and is_strict(tool.schema):
            function["strict"] = True
        else:
            losses.add("strict")
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, request: Request) -> object:
    if choice.allowed:
        listed = [_reference(name, request) for name in choice.allowed]
        mode = "required" if choice.choosing is Choosing.REQUIRED else "auto"
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": listed}}
    if choice.choosing is Choosing.NAMED:
        return _reference(choice.name, request)
    return choice.choosing.value


def _reference(name: str, request: Request) -> JsonObject:
    tool = next((one for one in request.tools if one.name == name), None)
    kind = "custom" if tool is not None and tool.form is CallForm.TEXT else "function"
    namespace = tool.namespace if tool is not None else ""
    return {"type": kind, kind: {"name": names.fitted(name, namespace=namespace)}}


def _format(output: Output) -> JsonObject:
    if output.schema is None:
        return {"type": "json_object"}
    schema: JsonObject = {"name": names.fitted(output.name or "answer"), "schema": output.schema}
    if output.description:
        schema["description"] = output.description
    schema["strict"] = output.strict is not False and is_strict(output.schema)
    return {"type": "json_schema", "json_schema": schema}


def is_strict(schema: Mapping[str, object], depth: int = 0) -> bool:
    """Tell whether OpenAI takes a schema as strict: each object closed, each of its properties required.

    Elsewhere strictness asks less; a schema that asks too little is followed as well as the model can.
    """
    if depth > _MAX_DEPTH:
        return False
    if schema.get("type") == "object" or "properties" in schema:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if schema.get("additionalProperties") is not False or not isinstance(properties, Mapping):
            return False
        if not isinstance(required, list) or set(map(str, properties)) != set(map(str, required)):
            return False
    below: list[object] = []
    for key in ("properties", "$defs", "definitions"):
        held = schema.get(key)
        below += held.values() if isinstance(held, Mapping) else ()
    for key in ("items", "anyOf"):
        held = schema.get(key)
        below += held if isinstance(held, list) else [held]
    return all(is_strict(one, depth + 1) for one in below if isinstance(one, Mapping))


def _think(body: JsonObject, request: Request, facts: Facts, losses: Losses) -> None:
    wanted = request.reasoning
    if wanted is not None:
        effort = wanted.effort
        if effort is None and wanted.budget_tokens is not None:
            effort = _effort_of(wanted.budget_tokens)
        if effort is not None:
            told = _told(effort, facts)
            if told:
                body["reasoning_effort"] = told
            elif effort is not Effort.NONE:
                losses.add("reasoning")
    if request.verbosity:
        if facts.is_openai and not facts.samples:
            body["verbosity"] = request.verbosity
        else:
            losses.add("verbosity")


def _effort_of(budget: int) -> Effort:
    if budget <= _LITTLE:
        return Effort.LOW
    return Effort.MEDIUM if budget < _MUCH else Effort.HIGH


def _told(effort: Effort, facts: Facts) -> str:
    """Return the effort as the model takes it; empty where it cannot be told, or rests by itself."""
    if not facts.reasons:
        return ""
    match effort:
        case Effort.NONE:
            return "none" if facts.rests else ""
        case Effort.MINIMAL:
            return "low"
        case Effort.XHIGH | Effort.MAX:
            return "xhigh" if facts.stretches else "high"
        case Effort.LOW | Effort.MEDIUM | Effort.HIGH:
            return effort.value


def _sample(body: JsonObject, request: Request, facts: Facts, losses: Losses) -> None:
    sampling = request.sampling
    if sampling.top_k is not None:
        losses.add("top_k")
    knobs = (
        ("temperature", sampling.temperature, 1),
        ("top_p", sampling.top_p, 1),
        ("presence_penalty", sampling.presence_penalty, 0),
        ("frequency_penalty", sampling.frequency_penalty, 0),
    )
    for name, value, usual in knobs:
        if value is None or value == usual:
            continue
        if facts.samples:
            body[name] = value
        else:
            losses.add(name)
    if sampling.seed is not None:
        body["seed"] = sampling.seed
