"""What a model's name says beyond which model is meant: other vendors' routers read choices of their own from it.

OpenRouter: `:online` makes it search the web, `@preset/NAME` brings models, prompts and plugins that an account
keeps there (https://openrouter.ai/docs, web search and presets). LiteLLM asks every model of a list with commas
(https://docs.litellm.ai/docs/completion/batching).
"""

from collections.abc import Iterator, Sequence

import orjson

from firewall.core.call import CallForm, ToolCall
from firewall.core.errors import ProtocolError

MAX_MODEL = 200
_ONLINE = "online"
_PRESET = "@preset"


def check_name(model: str) -> None:
    """Refuse what is no name of one model; whether the grant permits it is decided with who would answer.

    Raises: ProtocolError `model_invalid`.
    """
    if not model.isprintable() or len(model) > MAX_MODEL:
        raise ProtocolError("a model's name is printable and short", code="model_invalid")
    if "," in model or _PRESET in model.lower():
        raise ProtocolError("a request names one model: no list and no preset", code="model_invalid")


def hosted_by(model: str) -> Iterator[ToolCall]:
    """Yield what a provider would run because of a model's name: a search of the web for `NAME:online`."""
    if ":" in model and _ONLINE in model.lower().split(":")[1:]:
        arguments = orjson.dumps({"type": "web_search", "asked_by": model})
        yield ToolCall(id="", name="web_search", arguments=arguments, form=CallForm.HOSTED)


def named_by(hosted: Sequence[ToolCall]) -> tuple[str, ...]:
    """Return the models that tools of a provider name for their own work: an advisor's, a painter's.

    Raises: ProtocolError (400) where such a name is no text.
    """
    found: list[str] = []
    for call in hosted:
        declared = orjson.loads(call.arguments)
        model = declared.get("model") if isinstance(declared, dict) else None
        if model is None:
            continue
        if not isinstance(model, str):
            raise ProtocolError(f"`model` of the tool `{call.name}` must be a string")
        found.append(model)
    return tuple(found)
