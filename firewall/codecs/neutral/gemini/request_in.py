"""A request of generateContent, read into the neutral form: its options; what is said is read in `contents_in`.

Source: https://ai.google.dev/api/generate-content, the google-genai SDK 3.4, Gemini CLI 0.61.
"""

from collections.abc import Mapping
from urllib.parse import unquote

from firewall.codecs.gemini.fields import folded
from firewall.codecs.neutral import fields, turns
from firewall.codecs.neutral.form import Effort, Output, Reasoning, Request, Sampling, Text
from firewall.codecs.neutral.gemini import tools_in
from firewall.codecs.neutral.gemini.contents_in import Contents
from firewall.codecs.neutral.gemini.schemas import json_schema, lowered
from firewall.codecs.neutral.losses import Losses, only, untranslatable

Json = Mapping[str, object]

_ADVISORY = ("labels", "safetySettings", "serviceTier")
_KNOWN = frozenset({
    "contents", "generationConfig", "model", "store", "systemInstruction", "toolConfig", "tools",
}).union(_ADVISORY)  # fmt: skip
_CONFIG_ADVISORY = ("enableEnhancedCivicAnswers", "mediaResolution")
_CONFIG = frozenset({
    "candidateCount", "frequencyPenalty", "logprobs", "maxOutputTokens", "presencePenalty", "responseJsonSchema",
    "responseLogprobs", "responseMimeType", "responseModalities", "responseSchema", "seed", "stopSequences",
    "temperature", "thinkingConfig", "topK", "topP", "_responseJsonSchema",
}).union(_CONFIG_ADVISORY)  # fmt: skip
_LEVELS = {level.value.upper(): level for level in Effort}


def read_request(value: Json, losses: Losses, *, path: str) -> Request:
    """Read a request; the model and whether it streams stand in the path.

    Raises: ProtocolError (400) `untranslatable` or `invalid_request`, naming the field.
    """
    asked = folded(value, "body", "client")
    only(asked, _KNOWN, "")
    losses.add_those(asked, _ADVISORY)
    model, _, verb = path.partition("?")[0].rpartition("/models/")[2].rpartition(":")
    contents = Contents(losses)
    config = folded(fields.optional_table(asked, "generationConfig") or {}, "generationConfig", "client")
    _check(config, losses)
    return Request(
        model=unquote(model),
        system=_system(asked, contents),
        turns=turns.joined(contents.turns(asked)),
        tools=tools_in.declared(asked, losses),
        choice=tools_in.choice(asked, losses),
        output=_output(config, losses),
        max_tokens=fields.whole(config, "maxOutputTokens", "generationConfig"),
        stop=fields.texts(config, "stopSequences", "generationConfig"),
        reasoning=_reasoning(config),
        sampling=_sampling(config),
        is_streamed=verb == "streamGenerateContent",
        wants_usage=True,
    )


def _check(config: Json, losses: Losses) -> None:
    only(config, _CONFIG, "generationConfig")
    losses.add_those(config, _CONFIG_ADVISORY)
    if (fields.whole(config, "candidateCount", "generationConfig") or 1) > 1:
        untranslatable("generationConfig.candidateCount", "there is one answer to a request there")
    for name in ("responseLogprobs", "logprobs"):
        if config.get(name):
            untranslatable(f"generationConfig.{name}", "log probabilities are given by its own provider alone")
    for one in fields.texts(config, "responseModalities", "generationConfig"):
        if one.upper() not in ("TEXT", "MODALITY_UNSPECIFIED"):
            untranslatable("generationConfig.responseModalities", "only text can be carried")


def _system(asked: Json, contents: Contents) -> tuple[str, ...]:
    given = asked.get("systemInstruction")
    if given is None or isinstance(given, str):
        return (given,) if given else ()
    found: list[str] = []
    for part in contents.parts(fields.table(asked, "systemInstruction"), "systemInstruction"):
        if not isinstance(part, Text):
            untranslatable("systemInstruction", "instructions can only be text there")
        if part.text:
            found.append(part.text)
    return tuple(found)


def _output(config: Json, losses: Losses) -> Output | None:
    where = "generationConfig"
    type_ = fields.optional_text(config, "responseMimeType", where)
    for name in ("responseJsonSchema", "_responseJsonSchema"):
        schema = fields.optional_table(config, name, where)
        if schema is not None:
            return Output(schema=lowered(schema), strict=True)
    shape = fields.optional_table(config, "responseSchema", where)
    if shape is not None:
        return Output(schema=json_schema(shape, losses, f"{where}.responseSchema"), strict=True)
    if type_ in ("", "text/plain"):
        return None
    if type_ != "application/json":
        untranslatable(f"{where}.responseMimeType", "only text and JSON are known there")
    return Output()


def _reasoning(config: Json) -> Reasoning | None:
    thinking = fields.optional_table(config, "thinkingConfig", "generationConfig")
    if thinking is None:
        return None
    where = "generationConfig.thinkingConfig"
    known = folded(thinking, where, "client")
    only(known, frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"}), where)
    level = _LEVELS.get(fields.optional_text(known, "thinkingLevel", where).upper())
    budget = fields.whole(known, "thinkingBudget", where)
    if budget == 0:
        return Reasoning(Effort.NONE)
    if budget is not None and budget < 0:
        budget = None  # the model decides
    shown = fields.flag(known, "includeThoughts", where)
    return None if level is None and budget is None and shown is None else Reasoning(level, budget, shown)


def _sampling(config: Json) -> Sampling:
    where = "generationConfig"
    top_k = fields.number(config, "topK", where)
    return Sampling(
        temperature=fields.number(config, "temperature", where),
        top_p=fields.number(config, "topP", where),
        top_k=None if top_k is None else int(top_k),
        seed=fields.whole(config, "seed", where),
        presence_penalty=fields.number(config, "presencePenalty", where),
        frequency_penalty=fields.number(config, "frequencyPenalty", where),
    )
