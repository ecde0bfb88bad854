"""The models that the scripted provider lists, in the form that each API gives them.

It answers under any model name; the list exists because clients ask for one.
"""

from typing import Final

from firewall.demo.reading import Json

MODELS: Final = ("scripted-1", "claude-sonnet-5", "gpt-5.5", "gpt-6-sol", "gemini-3.1-pro-preview")


def anthropic() -> Json:
    """Return the list as `GET /v1/models` of Anthropic gives it."""
    data = [anthropic_model(name) for name in MODELS]
    return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}


def anthropic_model(name: str) -> Json:
    """Return one model as Anthropic gives it."""
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-09-01T00:00:00Z"}


def openai() -> Json:
    """Return the list as `GET /v1/models` of OpenAI gives it."""
    return {"object": "list", "data": [openai_model(name) for name in MODELS]}


def openai_model(name: str) -> Json:
    """Return one model as OpenAI gives it."""
    return {"id": name, "object": "model", "created": 1_790_000_000, "owned_by": "scripted"}


def gemini() -> Json:
    """Return the list as `GET /v1beta/models` of Gemini gives it."""
    return {"models": [gemini_model(name) for name in MODELS]}


def gemini_model(name: str) -> Json:
    """Return one model as Gemini gives it."""
    return {
        "name": f"models/{name}",
        "displayName": name,
        "version": "1",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
