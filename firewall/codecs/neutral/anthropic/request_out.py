"""The neutral form, written as a request of the Messages API: its options; `blocks_out` writes what is said."""

from collections.abc import Mapping

import orjson

from firewall.codecs.neutral import names
from firewall.codecs.neutral.anthropic import blocks_out, cache_marks, schemas
from firewall.codecs.neutral.anthropic.models import Facts, facts_of
from firewall.codecs.neutral.form import (
    Call,
    Choosing,
    Effort,
    Output,
    Request,
    Result,
    Role,
    Text,
    Thinking,
    Tool,
)
from firewall.codecs.neutral.interface import There, Wire
from firewall.codecs.neutral.losses import Losses, untranslatable
from firewall.core.call import CallForm

JsonObject = dict[str, object]

LONGEST_NAME = 128
_CHOICES = {Choosing.AUTO: "auto", Choosing.REQUIRED: "any", Choosing.NAMED: "tool", Choosing.NONE: "none"}
_BUDGETS = {Effort.MINIMAL: 1024, Effort.LOW: 2048, Effort.MEDIUM: 8192}
_MOST_THOUGHT = 16_384
_LEAST_THOUGHT = 1024
_OPEN_OBJECT: Mapping[str, object] = {"type": "object", "properties": {}}


def write_request(request: Request, there: There, losses: Losses) -> Wire:
    """Write a request for a provider.

    Raises: ProtocolError (400) `untranslatable`.
    """
    facts = facts_of(there.model)
    system, messages = blocks_out.conversation(request, there, facts, losses)
    limit = request.max_tokens or there.max_output_tokens or facts.writes
    body: JsonObject = {"model": there.model, "max_tokens": limit, "messages": messages}
    if system:
        body["system"] = system[0] if len(system) == 1 else [{"type": "text", "text": one} for one in system]
    tools = _tools(request)
    if tools:
        body["tools"] = tools
        _choose(body, request)
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    config: JsonObject = {}
    if request.output is not None:
        config["format"] = _format(request.output)
    _think(body, config, request, there, losses)
    if config:
        body["output_config"] = config
    _sample(body, request, facts, losses)
    if request.verbosity:
        losses.add("verbosity")
    if request.is_streamed:
        body["stream"] = True
    if there.marks_cache and facts.caches:
        cache_marks.mark(body)
    renamed = names.renamed(request.tools, longest=LONGEST_NAME)
    return Wire(orjson.dumps(body), "/v1/messages", names=renamed)


def _tools(request: Request) -> list[JsonObject]:
    allowed = request.choice.allowed if request.choice is not None else ()
    return [_tool(tool) for tool in request.tools if not allowed or tool.name in allowed]


def _tool(tool: Tool) -> JsonObject:
    if tool.form is not CallForm.JSON:
        untranslatable(
            f"the tool {tool.name}", "it takes free text, and this provider only knows tools with a schema"
        )
    written: JsonObject = {"name": names.fitted(tool.name, namespace=tool.namespace, longest=LONGEST_NAME)}
    if tool.description:
        written["description"] = tool.description
    schema = dict(tool.schema) if tool.schema else dict(_OPEN_OBJECT)
    schema.setdefault("type", "object")
    written["input_schema"] = schema
    if tool.strict:
        written["strict"] = True
    return written


def _choose(body: JsonObject, request: Request) -> None:
    choice = request.choice
    if choice is None and request.parallel is not False:
        return
    choosing = choice.choosing if choice is not None else Choosing.AUTO
    written: JsonObject = {"type": _CHOICES[choosing]}
    if choice is not None and choosing is Choosing.NAMED:
        written["name"] = names.fitted(
            choice.name, namespace=_namespace(request, choice.name), longest=LONGEST_NAME
        )
    if request.parallel is False and choosing is not Choosing.NONE:
        written["disable_parallel_tool_use"] = True
    body["tool_choice"] = written


def _namespace(request: Request, name: str) -> str:
    return next((tool.namespace for tool in request.tools if tool.name == name), "")


def _format(output: Output) -> JsonObject:
    if output.schema is None:
        untranslatable("response_format", "this provider needs the schema of the object")
    return {"type": "json_schema", "schema": schemas.closed(output.schema)}


def _think(body: JsonObject, config: JsonObject, request: Request, there: There, losses: Losses) -> None:
    """Ask for thinking as the model takes it; what it cannot be told is listed."""
    wanted = request.reasoning
    if wanted is None or wanted.effort is Effort.NONE:
        return
    facts = facts_of(there.model)
    forced = request.choice is not None and request.choice.choosing in (Choosing.REQUIRED, Choosing.NAMED)
    if facts.adapts:
        if wanted.effort is not None:
            config["effort"] = _effort(wanted.effort, facts)
        if forced or _has_lost_thoughts(request, there):
            losses.add("reasoning")
        else:
            body["thinking"] = {"type": "adaptive", **({"display": "summarized"} if wanted.is_shown else {})}
        return
    budget = wanted.budget_tokens or _BUDGETS.get(wanted.effort or Effort.HIGH, _MOST_THOUGHT)
    limit = body["max_tokens"]
    budget = max(_LEAST_THOUGHT, min(budget, limit // 2 if isinstance(limit, int) else budget))
    if (
        not facts.budgets
        or forced
        or _has_lost_thoughts(request, there)
        or (isinstance(limit, int) and limit <= budget)
    ):
        losses.add("reasoning")
        return
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _effort(effort: Effort, facts: Facts) -> str:
    match effort:
        case Effort.NONE | Effort.MINIMAL | Effort.LOW:
            return "low"
        case Effort.XHIGH:
            return "xhigh" if facts.stretches else "high"
        case Effort.MEDIUM | Effort.HIGH | Effort.MAX:
            return effort.value


def _has_lost_thoughts(request: Request, there: There) -> bool:
    """Tell whether calls were made since a person last spoke, and the thoughts before them are not there.

    This provider may refuse to think on then; where its own thoughts have come back, it goes on.
    """
    for turn in reversed(request.turns):
        if turn.role is Role.ASSISTANT and any(isinstance(part, Call) for part in turn.parts):
            thoughts = (part for part in turn.parts if isinstance(part, Thinking))
            if not any(blocks_out.is_own(thought, there) for thought in thoughts):
                return True
        spoken = any(isinstance(part, Text) for part in turn.parts)
        reports = any(isinstance(part, Result) for part in turn.parts)
        if turn.role is Role.USER and spoken and not reports:
            return False
    return False


def _sample(body: JsonObject, request: Request, facts: Facts, losses: Losses) -> None:
    sampling = request.sampling
    for name in ("seed", "presence_penalty", "frequency_penalty"):
        if getattr(sampling, name):
            losses.add(name)
    knobs = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    if knobs["temperature"] is not None and sampling.top_p is not None:
        losses.add("top_p")
        knobs["top_p"] = None
    for name, one in knobs.items():
        if one is None or (name != "top_k" and one == 1):
            continue
        if not facts.samples or "thinking" in body:
            losses.add(name)
        elif name == "temperature" and one > 1:
            losses.add(name)
            body[name] = 1
        else:
            body[name] = one
