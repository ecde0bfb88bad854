"""How each agent program is pointed at the firewall: as environment and arguments, and as text to paste.

Facts about the programs: docs/clients.md. Provider keys are removed from what an agent inherits.
"""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

PROVIDER_KEYS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
)
"""Inherited by an agent that we start only where it keeps its own login."""
PAST_US = (
    "CLAUDE_CODE_USE_",
    "ANTHROPIC_BEDROCK_",
    "ANTHROPIC_VERTEX_",
    "ANTHROPIC_CUSTOM_HEADERS",
    "AWS_BEARER_TOKEN_BEDROCK",
    "GOOGLE_GENAI_USE_",
)
"""Beginnings of variables that make an agent speak to somebody else, or as somebody else: never inherited."""
TOKEN_VARIABLE = "STAYHAND_AGENT_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Pointed:
    """What to start an agent with."""

    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    """Inserted behind the program's name."""
    defaults: str = ""
    """Text of a settings file, and the variable that names it: the program needs one."""
    defaults_variable: str = ""


def inherited_by_agents(
    environ: Mapping[str, str], *, own_login: bool = False, secrets: Iterable[str] = ()
) -> dict[str, str]:
    """Return what an agent inherits: none of ours, no provider's key, nothing that leads it past us.

    `own_login`: the agent keeps its provider's keys; `secrets`: variables that hold secrets of our configuration.
    """
    ours = frozenset(secrets)
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("STAYHAND_", *PAST_US))
        and name not in ours
        and (own_login or not (name in PROVIDER_KEYS or name.endswith("_OAUTH_TOKEN")))
    }


def point(program: str, base_url: str, token: str, *, own_login: bool = False) -> Pointed:
    """Return how to point a program at us; unknown programs get what most SDKs read.

    `own_login`: the agent keeps its own login at its provider, and our token comes beside it.
    """
    match program:
        case "claude":
            if own_login:
                headers = f"x-stayhand-token: {token}"
                return Pointed({"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_CUSTOM_HEADERS": headers})
            return Pointed({"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_AUTH_TOKEN": token})
        case "codex":
            provider = (
                f'{{name="stayhand",base_url="{base_url}/v1",wire_api="responses",env_key="{TOKEN_VARIABLE}"}}'
            )
            arguments = ("-c", "model_provider=stayhand", "-c", f"model_providers.stayhand={provider}")
            return Pointed({TOKEN_VARIABLE: token}, arguments)
        case "gemini":
            return Pointed(
                {"GOOGLE_GEMINI_BASE_URL": base_url, "GEMINI_API_KEY": token},
                # Without a chosen login it takes an address of ours for a gateway of its own kind and ends.
                defaults=json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}),
                defaults_variable="GEMINI_CLI_SYSTEM_DEFAULTS_PATH",
            )
        case "opencode":
            return Pointed({"OPENCODE_CONFIG_CONTENT": json.dumps(_opencode(base_url, token))})
        case _:
            return Pointed(
                {
                    "ANTHROPIC_BASE_URL": base_url,
                    "ANTHROPIC_API_KEY": token,
                    "OPENAI_BASE_URL": f"{base_url}/v1",
                    "OPENAI_API_BASE": f"{base_url}/v1",
                    "OPENAI_API_KEY": token,
                    "GOOGLE_GEMINI_BASE_URL": base_url,
                    "GEMINI_API_KEY": token,
                }
            )


def _opencode(base_url: str, token: str) -> dict[str, object]:
    options = {"baseURL": f"{base_url}/v1", "apiKey": token}
    google = {"baseURL": f"{base_url}/v1beta", "apiKey": token}
    return {
        "provider": {
            "anthropic": {"options": options},
            "openai": {"options": options},
            "google": {"options": google},
        }
    }


def pasted(base_url: str, token: str) -> Sequence[tuple[str, str]]:
    """Return (agent, line to paste) for the four agents."""
    lines = []
    for name, program in (
        ("Claude Code", "claude"),
        ("Codex", "codex"),
        ("Gemini CLI", "gemini"),
        ("opencode", "opencode"),
    ):
        pointed = point(program, base_url, token)
        settings = " ".join(f"{key}={shlex.quote(value)}" for key, value in pointed.environment.items())
        arguments = " ".join(shlex.quote(argument) for argument in pointed.arguments)
        lines.append((name, f"{settings} {program} {arguments}".rstrip()))
    return lines
