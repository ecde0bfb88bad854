"""The neutral form, written as a request of the Responses API: its options; what is said in `items_out`."""

from collections.abc import Mapping

import orjson

from firewall.codecs.neutral import names
from firewall.codecs.neutral.form import Choosing, Effort, Output, Request, Tool, ToolChoice
from firewall.codecs.neutral.interface import There, Wire
from firewall.codecs.neutral.losses import Losses, refuse_begun, untranslatable
from firewall.codecs.neutral.openai_responses import items_out
from firewall.codecs.neutral.openai_responses.models import Facts, facts_of
from firewall.core.call import CallForm

JsonObject = dict[str, object]

_CHOICES = {Choosing.AUTO: "auto", Choosing.REQUIRED: "required", Choosing.NONE: "none"}
_LEAST_TOKENS = 16
"""What the API takes at least for `max_output_tokens`."""
_BUDGETS = ((0, Effort.NONE), (2_048, Effort.LOW), (12_288, Effort.MEDIUM))
"""Budgets in tokens up to which an effort is meant; more is `high`."""
_OPEN_OBJECT: Mapping[str, object] = {"type": "object", "properties": {}}


def write_request(request: Request, there: There, losses: Losses) -> Wire:
    """Write a request for a provider; nothing is kept there.

    Raises: ProtocolError (400) `untranslatable`.
    """
    if request.stop:
        untranslatable("stop", "this API knows no stop sequences")
    if request.is_begun:
        refuse_begun()
    facts = facts_of(there.model)
    body: JsonObject = {"model": there.model, "store": False}
    if request.system:
        body["instructions"] = "\n\n".join(request.system)
    body["input"] = items_out.items(request.turns, there, losses)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        _choose(body, request)
    text = _text(request, facts, losses)
    if text:
        body["text"] = text
    if request.max_tokens is not None:
        body["max_output_tokens"] = max(_LEAST_TOKENS, request.max_tokens)
    _think(body, request, facts, losses)
    _sample(body, request, facts, losses)
    if request.is_streamed:
        body["stream"] = True
    return Wire(orjson.dumps(body), "/responses", names=names.renamed(request.tools))


def _tool(tool: Tool) -> JsonObject:
    written: JsonObject = {
        "type": "function" if tool.form is CallForm.JSON else "custom",
        "name": names.fitted(tool.name, namespace=tool.namespace),
    }
    if tool.description:
        written["description"] = tool.description
    if tool.form is not CallForm.JSON:
        if tool.grammar is not None:
            written["format"] = tool.grammar
        return written
    written["parameters"] = tool.schema or _OPEN_OBJECT
    # Left out, the API would try to be strict, which changes what schemas mean.
    written["strict"] = tool.strict is True
    return written


def _choose(body: JsonObject, request: Request) -> None:
    choice = request.choice
    if choice is not None:
        body["tool_choice"] = _choice(choice, request)
    if request.parallel is not None:
        body["parallel_tool_calls"] = request.parallel


def _choice(choice: ToolChoice, request: Request) -> object:
    if choice.choosing is Choosing.NAMED:
        return _named(choice.name, request)
    if choice.allowed:
        allowed = [_named(name, request) for name in choice.allowed]
        return {"type": "allowed_tools", "mode": _CHOICES[choice.choosing], "tools": allowed}
    return _CHOICES[choice.choosing]


def _named(name: str, request: Request) -> JsonObject:
    tool = next((one for one in request.tools if one.name == name), Tool(name))
    kind = "function" if tool.form is CallForm.JSON else "custom"
    return {"type": kind, "name": names.fitted(name, namespace=tool.namespace)}


def _text(request: Request, facts: Facts, losses: Losses) -> JsonObject:
    text: JsonObject = {}
    if request.output is not None:
        text["format"] = _format(request.output)
    if request.verbosity:
        if facts.samples:
            losses.add("verbosity")
        else:
            text["verbosity"] = request.verbosity
    return text


def _format(output: Output) -> JsonObject:
    if output.schema is None:
        return {"type": "json_object"}
    written: JsonObject = {
        "type": "json_schema",
        "name": names.fitted(output.name or "answer"),
        "schema": output.schema,
        "strict": output.strict is True,
    }
    if output.description:
        written["description"] = output.description
    return written


def _think(body: JsonObject, request: Request, facts: Facts, losses: Losses) -> None:
    if facts.reasons:
        body["include"] = ["reasoning.encrypted_content"]
    wanted = request.reasoning
    if wanted is None:
        return
    effort = wanted.effort
    if effort is None and wanted.budget_tokens is not None:
        tokens = wanted.budget_tokens
        effort = next((one for most, one in _BUDGETS if tokens <= most), Effort.HIGH)
    if not facts.reasons:
        if effort is not Effort.NONE:
            losses.add("reasoning")
        return
    written: JsonObject = {}
    if effort is not None:
        written["effort"] = facts.nearest(effort).value
    if wanted.is_shown:
        written["summary"] = "auto"
    if written:
        body["reasoning"] = written


def _sample(body: JsonObject, request: Request, facts: Facts, losses: Losses) -> None:
    sampling = request.sampling
    for name in ("top_k", "seed", "presence_penalty", "frequency_penalty"):
        if getattr(sampling, name):
            losses.add(name)
    for name, one in (("temperature", sampling.temperature), ("top_p", sampling.top_p)):
        if one is None or one == 1:
            continue
        if facts.samples:
            body[name] = one
        else:
            losses.add(name)
