"""Installs and starts the real coding agents, each with a home of its own, dummy keys and no way out but ours.

The programs come from the npm registry with pinned versions (`tests.support.npm`).
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.agent_process import Launch
from tests.support.npm import Package, modules, node, unavailable

NOWHERE: Final = "http://127.0.0.1:9"
"""A proxy where nobody listens: what is not meant for loopback fails at once."""


Command = Callable[[str, str, str, Path, Path], Launch]


@dataclass(frozen=True, slots=True)
class Agent:
    """One real program: `command(base_url, token, prompt, workspace, home)` says how it is started."""

    name: str
    package: str
    version: str
    program: str
    """Where the program lies below `node_modules`, as a glob; the shortest match is taken."""
    command: Command
    runs_on_node: bool = False


def claude_code(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    """Start Claude Code headless; speaks Anthropic Messages."""
    argv = (*program(CLAUDE_CODE), "-p", prompt, "--dangerously-skip-permissions")
    env = {
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": token,
        "IS_SANDBOX": "1",  # refuses to skip permissions as root without it
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    return Launch(argv=(*argv, "--output-format", "stream-json", "--verbose"), env=_env(home) | env, cwd=workspace)


def codex(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    """Start Codex headless with gpt-5.5; speaks OpenAI Responses."""
    return codex_with_model("gpt-5.5")(base_url, token, prompt, workspace, home)


def codex_with_model(model: str, *, searches: bool = True) -> Command:
    """Return how Codex is started with another model (newer ones run JavaScript), or without web search."""

    def command(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
        config = f"""\
model = "{model}"
model_provider = "stayhand"
check_for_update_on_startup = false
{"" if searches else 'web_search = "disabled"'}

[model_providers.stayhand]
name = "stayhand"
base_url = "{base_url}/v1"
wire_api = "responses"
env_key = "STAYHAND_DUMMY_KEY"

[analytics]
enabled = false
"""
        return Launch(
            argv=(
                *program(CODEX),
                "exec",
                "--skip-git-repo-check",
                "--dangerously-bypass-approvals-and-sandbox",
                "--json",
                prompt,
            ),
            env=_env(home) | {"STAYHAND_DUMMY_KEY": token, "CODEX_HOME": str(home / ".codex")},
            cwd=workspace,
            files={home / ".codex" / "config.toml": config},
        )

    return command


def gemini_cli(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    """Start Gemini CLI headless; speaks Gemini."""
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
    }
    env = {"GOOGLE_GEMINI_BASE_URL": base_url, "GEMINI_API_KEY": token}
    return Launch(
        argv=(*program(GEMINI_CLI), "--skip-trust", "--yolo", "--output-format", "stream-json", "-p", prompt),
        env=_env(home) | env,
        cwd=workspace,
        files={home / ".gemini" / "settings.json": json.dumps(settings)},
    )


def opencode(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    """Start opencode headless; speaks OpenAI Chat."""
    return _opencode("@ai-sdk/openai-compatible", f"{base_url}/v1", token, prompt, workspace, home)


def opencode_messages(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    """Start opencode headless; speaks Anthropic Messages."""
    return _opencode("@ai-sdk/anthropic", f"{base_url}/v1", token, prompt, workspace, home)


def opencode_responses(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    """Start opencode headless; speaks OpenAI Responses."""
    return _opencode("@ai-sdk/openai", f"{base_url}/v1", token, prompt, workspace, home)


def opencode_gemini(base_url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    """Start opencode headless; speaks Gemini."""
    return _opencode("@ai-sdk/google", f"{base_url}/v1beta", token, prompt, workspace, home)


def _opencode(sdk: str, url: str, token: str, prompt: str, workspace: Path, home: Path) -> Launch:
    model = {"name": "scripted", "tool_call": True, "limit": {"context": 200_000, "output": 8_000}}
    config = {
        "provider": {
            "stayhand": {
                "npm": sdk,
                "name": "stayhand",
                "options": {"baseURL": url, "apiKey": token},
                "models": {"scripted-1": model},
            }
        },
        "model": "stayhand/scripted-1",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"*": "allow"},
    }
    quiet = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
    return Launch(  # where it has a plugin it asks the registry for a package first, and again for a minute
        argv=(*program(OPENCODE), "run", "--format", "json", prompt),
        env=_env(home) | {**quiet, "npm_config_fetch_retries": "0"},
        cwd=workspace,
        files={home / ".config" / "opencode" / "opencode.json": json.dumps(config)},
    )


CLAUDE_CODE: Final = Agent(
    name="claude-code",
    package="@anthropic-ai/claude-code",
    version="2.1.329",
    program="@anthropic-ai/claude-code-*/claude",
    command=claude_code,
)
CODEX: Final = Agent(
    name="codex",
    package="@openai/codex",
    version="0.169.0",
    program="@openai/codex/bin/codex.js",
    command=codex,
    runs_on_node=True,
)
GEMINI_CLI: Final = Agent(
    name="gemini-cli",
    package="@google/gemini-cli",
    version="0.61.0",
    program="@google/gemini-cli/bundle/gemini.js",
    command=gemini_cli,
    runs_on_node=True,
)
OPENCODE: Final = Agent(
    name="opencode",
    package="opencode-ai",
    version="1.18.33",
    program="opencode-*/bin/opencode",
    command=opencode,
)
AGENTS: Final = (CLAUDE_CODE, CODEX, GEMINI_CLI, OPENCODE)


def program(agent: Agent) -> tuple[str, ...]:
    """Return how `agent` is called, installing it first where it is not there yet; skips or fails without it."""
    place = modules(Package(agent.name, agent.package, agent.version))
    found = sorted(place.glob(agent.program), key=lambda path: (len(path.name), len(str(path))))
    if not found:
        unavailable(f"{agent.package} {agent.version} has no `{agent.program}` for this platform")
    return (str(node()), str(found[0])) if agent.runs_on_node else (str(found[0]),)


def _env(home: Path) -> dict[str, str]:
    """Return an environment without keys of ours, every folder below `home`, no way out but loopback."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "SHELL": "/bin/bash",
        "HTTPS_PROXY": NOWHERE,
        "HTTP_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
    }
