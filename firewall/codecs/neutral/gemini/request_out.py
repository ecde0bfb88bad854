"""The neutral form, written as a request of generateContent: its options; what is said in `contents_out`."""

from urllib.parse import quote

import orjson

from firewall.codecs.neutral import names
from firewall.codecs.neutral.form import Choosing, Effort, Reasoning, Request, Tool
from firewall.codecs.neutral.gemini import contents_out
from firewall.codecs.neutral.gemini.contents_out import LONGEST_NAME
from firewall.codecs.neutral.gemini.models import Facts, facts_of
from firewall.codecs.neutral.gemini.references import written_out
from firewall.codecs.neutral.interface import There, Wire
from firewall.codecs.neutral.losses import Losses, refuse_begun, untranslatable
from firewall.core.call import CallForm

JsonObject = dict[str, object]

_MODES = {Choosing.AUTO: "AUTO", Choosing.REQUIRED: "ANY", Choosing.NAMED: "ANY", Choosing.NONE: "NONE"}
_MOST_STOPS = 5
_BUDGETS = {Effort.NONE: 0, Effort.MINIMAL: 512, Effort.LOW: 2_048, Effort.MEDIUM: 8_192}
_LARGE_BUDGET = 24_576
_EFFORTS = ((2_048, Effort.LOW), (12_288, Effort.MEDIUM))
"""Budgets in tokens up to which an effort is meant; more is `high`."""


def write_request(request: Request, there: There, losses: Losses) -> Wire:
    """Write a request for a provider.

    Raises: ProtocolError (400) `untranslatable`.
    """
    if request.is_begun:
        refuse_begun()
    facts = facts_of(there.model)
    body: JsonObject = {}
    if request.system:
        body["systemInstruction"] = {"parts": [{"text": one} for one in request.system]}
    if request.tools:
        declared = [_function(tool, f"tools.{place}") for place, tool in enumerate(request.tools)]
        body["tools"] = [{"functionDeclarations": declared}]
        _choose(body, request, losses)
    body["contents"] = contents_out.contents(request, there, facts, losses)
    config = _config(request, facts, losses)
    if config:
        body["generationConfig"] = config
    if request.verbosity:
        losses.add("verbosity")
    verb = "streamGenerateContent" if request.is_streamed else "generateContent"
    path = f"/v1beta/models/{quote(there.model, safe='-._~')}:{verb}"
    renamed = names.renamed(request.tools, longest=LONGEST_NAME)
    return Wire(orjson.dumps(body), path, "alt=sse" if request.is_streamed else "", names=renamed)


def _function(tool: Tool, where: str) -> JsonObject:
    if tool.form is not CallForm.JSON:
        untranslatable(where, f"`{tool.name}` takes free text, and this provider only knows tools with a schema")
    written: JsonObject = {"name": names.fitted(tool.name, namespace=tool.namespace, longest=LONGEST_NAME)}
    if tool.description:
        written["description"] = tool.description
    if tool.schema:
        written["parametersJsonSchema"] = written_out(tool.schema, where)
    return written


def _choose(body: JsonObject, request: Request, losses: Losses) -> None:
    if request.parallel is False:
        losses.add("parallel")
    choice = request.choice
    if choice is None:
        return
    calling: JsonObject = {"mode": _MODES[choice.choosing]}
    allowed = (choice.name,) if choice.choosing is Choosing.NAMED else choice.allowed
    if allowed:
        spaces = {tool.name: tool.namespace for tool in request.tools}
        calling["allowedFunctionNames"] = [
            names.fitted(name, namespace=spaces.get(name, ""), longest=LONGEST_NAME) for name in allowed
        ]
        if choice.choosing is Choosing.AUTO:
            calling["mode"] = "VALIDATED"  # the one mode beside ANY that takes a list
    body["toolConfig"] = {"functionCallingConfig": calling}


def _config(request: Request, facts: Facts, losses: Losses) -> JsonObject:
    if len(request.stop) > _MOST_STOPS:
        untranslatable("stop", f"this provider takes {_MOST_STOPS} stop sequences")
    sampling = request.sampling
    config: JsonObject = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "seed": sampling.seed,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "maxOutputTokens": request.max_tokens,
        "stopSequences": list(request.stop) or None,
    }
    if request.output is not None:
        config["responseMimeType"] = "application/json"
        schema = request.output.schema
        config["responseJsonSchema"] = None if schema is None else written_out(schema, "output")
    if request.reasoning is not None:
        config["thinkingConfig"] = _thinking(request.reasoning, facts, losses)
    return {name: one for name, one in config.items() if one is not None}


def _thinking(wanted: Reasoning, facts: Facts, losses: Losses) -> JsonObject | None:
    if not facts.levels and not facts.budgets:
        if wanted.effort is not Effort.NONE:
            losses.add("reasoning")
        return None
    written: JsonObject = {}
    if facts.levels:
        effort = wanted.effort
        if effort is None and wanted.budget_tokens is not None:
            tokens = wanted.budget_tokens
            effort = next((one for most, one in _EFFORTS if tokens <= most), Effort.HIGH)
        if effort is not None:
            written["thinkingLevel"] = facts.level(effort)
    else:
        budget = wanted.budget_tokens
        if budget is None and wanted.effort is not None:
            budget = _BUDGETS.get(wanted.effort, _LARGE_BUDGET)
        if budget is not None:
            written["thinkingBudget"] = min(max(budget, facts.least_budget), _LARGE_BUDGET)
    if wanted.effort is not Effort.NONE and wanted.is_shown is not False:
        written["includeThoughts"] = True
    return written or None
