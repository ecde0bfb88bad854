"""Model lists, reduced to what the token's grant permits."""

import orjson

from firewall.core.errors import ProtocolError
from firewall.core.grant import Grant, any_matches


def filtered(body: bytes, grant: Grant) -> bytes:
    """Return a provider's model list (OpenAI and Anthropic: `data`; Gemini: `models`) with permitted models only.

    Raises: ProtocolError (upstream) when it is no list.
    """
    if grant.models == ("*",):
        return body
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(
            "the provider's model list cannot be read", code="upstream_malformed", side="upstream"
        ) from error
    if not isinstance(value, dict):
        raise ProtocolError("the provider's model list is no object", code="upstream_malformed", side="upstream")
    for key in ("data", "models"):
        if isinstance(value.get(key), list):
            value[key] = [model for model in value[key] if any_matches(grant.models, _name(model))]
            return orjson.dumps(value)
    if not any_matches(grant.models, _name(value)):
        raise ProtocolError("this model is not available to this token", code="model_not_found", status=404)
    return body


def _name(model: object) -> str:
    if not isinstance(model, dict):
        return ""
    return str(model.get("id") or str(model.get("name", "")).removeprefix("models/"))
