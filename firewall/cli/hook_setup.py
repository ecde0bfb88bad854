"""What each agent's configuration must say so that it asks `stayhand hook AGENT` before a call: values alone.

INVARIANT: what stands there already stays; our own entries, told by their command, are replaced. The shell line
around our program turns its death, or its absence, into the exit code that agents honour as a denial.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firewall.codecs.hooks.shapes import NO_FALLBACK
from firewall.core.errors import ConfigError

MARK = "--by-stayhand-hook-install"
"""Stands in every command of ours, as a comment, so that it is found again."""
PATIENCE_S = 20
"""How much longer an agent waits than our program does by itself."""
DEADLINE_S = 10
MOST_WAIT_S: Mapping[str, int] = {"qwen": 30, "cline": 10}
"""Agents whose own time-out is not ours to set (60 and 30 s): how long a held call may wait there."""
_DEFER = " --held defer "
_MATCHER = "matcher of its group"
_ALL = ("", "*", ".*")
_CURSOR_OTHERS = "^(?!Shell$|MCP:)"
"""Every tool of Cursor but those that have events of their own: what it brings tomorrow is asked about as well."""
_DEAD = "[stayhand] The call was not run: the hook could not be run, or was ended."


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent keeps its hooks."""

    folder: str
    """The agent's own folder, below the home folder."""
    file: str
    """In the agent's own folder."""
    project: str
    """Below a project's folder."""
    moved_by: tuple[tuple[str, str], ...] = ()
    """Variables that name another folder, and where in that the agent's own is; the first that is set counts."""

    @property
    def user(self) -> str:
        """The file, below the home folder."""
        return f"{self.folder}/{self.file}"


_PLUGIN = "plugin/stayhand.js"
PLACES: Mapping[str, Place] = {
    "claude-code": Place(".claude", "settings.json", ".claude/settings.json", (("CLAUDE_CONFIG_DIR", ""),)),
    "codex": Place(".codex", "hooks.json", ".codex/hooks.json", (("CODEX_HOME", ""),)),
    "gemini": Place(".gemini", "settings.json", ".gemini/settings.json", (("GEMINI_CLI_HOME", ".gemini"),)),
    "cursor": Place(".cursor", "hooks.json", ".cursor/hooks.json"),
    "copilot": Place(".copilot", "hooks/stayhand.json", ".github/hooks/stayhand.json"),
    "opencode": Place(
        ".config/opencode",
        _PLUGIN,
        f".opencode/{_PLUGIN}",
        (("OPENCODE_CONFIG_DIR", ""), ("XDG_CONFIG_HOME", "opencode")),
    ),
    "qwen": Place(".qwen", "settings.json", ".qwen/settings.json"),
    "cline": Place("Documents/Cline/Hooks", "PreToolUse", ".clinerules/hooks/PreToolUse"),
}
_EVENTS: Mapping[str, tuple[str, ...]] = {
    "claude-code": ("PreToolUse", "SessionStart"),
    "codex": ("PreToolUse", "SessionStart"),
    "gemini": ("BeforeTool", "SessionStart"),
    "cursor": ("beforeShellExecution", "beforeMCPExecution", "preToolUse", "sessionStart"),
    "copilot": ("preToolUse", "sessionStart"),
    "qwen": ("PreToolUse", "SessionStart"),
}
"""The event before a call comes first, then that of a session's start: the heartbeat."""


def program_line(agent: str, program: Sequence[str], options: Sequence[str]) -> str:
    """Return the shell line that an agent runs: our program, and a denial should it die."""
    words = " ".join(shlex.quote(word) for word in (*program, "hook", agent, *options))
    if agent == "cline":
        dead = f"printf %s {shlex.quote(json.dumps({'cancel': True, 'errorMessage': _DEAD}))}"
    else:
        dead = f"{{ echo {shlex.quote(_DEAD)} >&2; exit 2; }}"
    return f"{words} || {dead} # {MARK}"


def installed_text(agent: str, before: str, line: str, *, wait_s: int = 0) -> str:
    """Return what the agent's file must hold, given what it holds (empty: there is none).

    Raises: ConfigError where it cannot be merged.
    """
    match agent:
        case "opencode":
            return _whole_file(before, _plugin(line, DEADLINE_S + PATIENCE_S + wait_s))
        case "cline":
            return _whole_file(before, f"#!/bin/sh\n{line}\n")
        case _:
            return _merged(agent, before, line, DEADLINE_S + PATIENCE_S + wait_s)


def commands_in(agent: str, text: str) -> list[tuple[str, Mapping[str, object]]]:
    """Return (event, entry) of every entry of ours in an agent's file; none where it cannot be read."""
    if agent in ("opencode", "cline"):
        return [("tool", {"command": text})] if MARK in text else []
    try:
        hooks = _object(json.loads(text or "{}")).get("hooks", {})
    except (ValueError, ConfigError):
        return []
    found: list[tuple[str, Mapping[str, object]]] = []
    for event, entries in hooks.items() if isinstance(hooks, dict) else ():
        for entry in entries if isinstance(entries, list) else ():
            handlers = entry.get("hooks", [entry]) if isinstance(entry, dict) else []
            ours = [one for one in handlers if isinstance(one, dict) and _is_ours(one)]
            found += [(str(event), {_MATCHER: entry.get("matcher", ""), **one}) for one in ours]
    return found


def _covers(agent: str, event: str, entry: Mapping[str, object]) -> bool:
    """Tell whether an entry is run for every call of its event, as what `install` writes is."""
    matcher = entry[_MATCHER]
    if event == "preToolUse" and agent == "cursor":
        return matcher in (*_ALL, _CURSOR_OTHERS)
    is_conditional = any(entry.get(name) for name in ("if", "async", "asyncRewake", "disabled"))
    return matcher in _ALL and not is_conditional


def missing_in(agent: str, text: str) -> list[str]:
    """Return what an agent's file lacks for every call to be asked about, and closed on failure."""
    found = commands_in(agent, text)
    if agent in ("opencode", "cline"):
        return [] if found else ["our file is not there"]
    found = [(event, entry) for event, entry in found if _covers(agent, event, entry)]
    events = {event for event, _ in found}
    lacking = [f"no hook of ours for {event}" for event in _EVENTS[agent] if event not in events]
    first = [entry for event, entry in found if event in _EVENTS[agent][:-1]]
    if agent == "claude-code" and any(entry.get("onFailure") != "block" for entry in first):
        lacking.append('"onFailure": "block" is missing')
    if _DEFER in text and f'"{NO_FALLBACK}": "1"' not in text:
        lacking.append(f'"{NO_FALLBACK}": "1" is missing in "env"; held calls are denied, not put off')
    if agent == "cursor" and any(entry.get("failClosed") is not True for entry in first):
        lacking.append('"failClosed": true is missing')
    return lacking


def _merged(agent: str, before: str, line: str, patience_s: int) -> str:
    """Return a JSON configuration with our entries in place of older ones of ours."""
    try:
        settings = _object(json.loads(before)) if before.strip() else {}
    except ValueError as error:
        raise ConfigError(
            f"it is not plain JSON ({error}), so nothing was changed", hint="merge it by hand"
        ) from error
    hooks = _object(settings.get("hooks", {}))
    for event in hooks:
        hooks[event] = _without_ours(hooks[event])
    for event in _EVENTS[agent]:
        hooks[event] = [*_without_ours(hooks.get(event, [])), _entry(agent, event, line, patience_s)]
    settings["hooks"] = {event: entries for event, entries in hooks.items() if entries}
    if _DEFER in line:
        settings["env"] = {**_object(settings.get("env", {})), NO_FALLBACK: "1"}
    if agent in ("cursor", "copilot"):
        settings = {"version": 1, **settings}
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def _entry(agent: str, event: str, line: str, patience_s: int) -> dict[str, object]:
    is_call = event != _EVENTS[agent][-1]
    match agent:
        case "cursor":
            entry: dict[str, object] = {"command": line, "failClosed": True, "timeout": patience_s}
            # Commands and MCP calls have events of their own, and would be asked about twice.
            return entry | ({"matcher": _CURSOR_OTHERS} if event == "preToolUse" else {})
        case "copilot":
            return {"type": "command", "bash": line, "timeoutSec": patience_s}
        case _:
            return {**({"matcher": "*"} if is_call else {}), "hooks": [_handler(agent, line, patience_s, is_call)]}


def _handler(agent: str, line: str, patience_s: int, is_call: bool) -> dict[str, object]:  # noqa: FBT001 - private
    handler: dict[str, object] = {"type": "command", "command": line}
    match agent:
        case "claude-code":
            return handler | {"timeout": patience_s} | ({"onFailure": "block"} if is_call else {})
        case "codex":
            return handler | {"timeout": patience_s}
        case "gemini":
            return {"name": "stayhand", **handler, "timeout": patience_s * 1000}
        case _:  # Qwen Code's documents disagree about the unit; its own 60 s are enough
            return {"name": "stayhand", **handler}


def _without_ours(entries: object) -> list[object]:
    """Return a list of entries without those of ours; groups that then hold nothing go as well."""
    if not isinstance(entries, list):
        raise ConfigError("its hooks are not lists, so nothing was changed", hint="look at the file")
    kept: list[object] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("hooks"), list):
            kept += [] if isinstance(entry, dict) and _is_ours(entry) else [entry]
            continue
        handlers = [one for one in entry["hooks"] if not (isinstance(one, dict) and _is_ours(one))]
        if handlers or not entry["hooks"]:
            kept.append({**entry, "hooks": handlers})
    return kept


def _is_ours(entry: Mapping[str, object]) -> bool:
    return any(MARK in str(entry.get(key, "")) for key in ("command", "bash"))


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ConfigError(
            "it does not hold what was expected there, so nothing was changed", hint="look at the file"
        )
    return dict(value)


def _whole_file(before: str, ours: str) -> str:
    if before and MARK not in before:
        raise ConfigError(
            "somebody else's hook stands in this file, so nothing was changed", hint="call ours from it"
        )
    return ours


def _plugin(line: str, patience_s: int) -> str:
    """Return opencode's plugin: it throws unless our program says allow, so the call does not run."""
    return f"""\
// Written by `stayhand hook install opencode`: every tool call is asked about before it runs.
import {{ spawn }} from "node:child_process"

const LINE = {json.dumps(line)}
const LIMIT_MS = {patience_s * 1000}

const ask = (event) =>
  new Promise((resolve) => {{
    const child = spawn("/bin/sh", ["-c", LINE], {{ stdio: ["pipe", "pipe", "ignore"], timeout: LIMIT_MS }})
    let said = ""
    child.stdout.on("data", (piece) => (said += piece))
    child.on("error", () => resolve(""))
    child.on("close", () => resolve(said))
    child.stdin.on("error", () => {{}})
    child.stdin.end(JSON.stringify(event))
  }})

export const Stayhand = async ({{ directory }}) => {{
  await ask({{ event: "session.start", session: "", cwd: directory }})
  return {{
    "tool.execute.before": async (input, output) => {{
      const event = {{
        event: "tool.execute.before",
        tool: input.tool,
        session: input.sessionID,
        call: input.callID,
        cwd: directory,
        arguments: output.args,
      }}
      let answer = {{}}
      try {{
        answer = JSON.parse(await ask(event))
      }} catch {{}}
      if (answer.verdict !== "allow") {{
        throw new Error(answer.reason || {json.dumps(_DEAD)})
      }}
    }},
  }}
}}
"""


def place_of(
    agent: str, *, home: Path, project: Path | None, environ: Mapping[str, str], folder: Path | None = None
) -> tuple[Path, Path]:
    """Return (a folder, the file of an agent's hooks in it), for a user or a project.

    `folder`: the agent's own, where neither the home folder nor a variable says where it is.
    """
    place = PLACES[agent]
    if project is not None:
        return project, Path(place.project)
    if folder is not None:
        return folder, Path(place.file)
    for variable, inside in place.moved_by:
        if environ.get(variable):
            return Path(environ[variable]) / inside, Path(place.file)
    return home, Path(place.user)
