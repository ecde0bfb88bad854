"""What `stayhand hook check` finds: an agent's configuration, the line that it runs, and what the server heard."""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from firewall.cli import hook_setup
from firewall.cli.hook_client import NoAnswerError, ask, token_of
from firewall.cli.report import result
from firewall.codecs.hooks.shapes import allowed, denied

_LIMIT_S = 60
_BEATS: Mapping[str, object] = {
    "cursor": {"hook_event_name": "sessionStart"},
    "copilot": {"source": "check"},
    "opencode": {"event": "session.start"},
    "cline": {"hookName": "TaskStart"},
}
SESSION = "stayhand-hook-check"
_BEAT = {"hook_event_name": "SessionStart", "session_id": SESSION}
_OPTION = re.compile(r"(--url|--token-file) '?([^' ]+)'?")
_LINE = re.compile(r"^const LINE = (\".*\")$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    check: str
    ok: bool
    detail: str


def checks(agent: str, text: str, path: Path) -> list[Check]:
    """Look at everything, as far as what comes before is well."""
    lacking = hook_setup.missing_in(agent, text)
    found = [Check("configured", not lacking, "; ".join(lacking) or str(path))]
    line = _line(agent, text)
    if not line:
        return found
    beat = json.dumps(_BEATS.get(agent, _BEAT)).encode()
    fired = _run(line, beat, dict(os.environ))
    is_heard = fired.returncode == 0 and fired.stdout == allowed(agent)
    found.append(Check("fires", is_heard, _last_heard(agent, line) if is_heard else _said(fired)))
    bare = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "")}
    if "--token-file" not in line:
        alone = _run(line, beat, bare)
        found.append(Check("closed without a token", _is_denial(agent, alone), _said(alone)))
    dead = _run(line, beat, bare | {"PYTHONHOME": "/nonexistent"})
    found.append(Check("closed when the hook dies", _is_denial(agent, dead), _said(dead)))
    return found


def _last_heard(agent: str, line: str) -> str:
    """Say when the server last heard the agent itself, with the same token."""
    options = dict(_OPTION.findall(line))
    try:
        token = token_of(options, os.environ)
        answer = ask(options["--url"], f"/hooks/{agent}", token, b"", method="GET")
    except (KeyError, NoAnswerError, OSError):
        return "the server heard it"
    sessions = answer.get("sessions")
    listed = [one for one in sessions if isinstance(one, dict)] if isinstance(sessions, list) else []
    own = [one for one in listed if one.get("session") != SESSION and one.get("agent") == agent]
    if not own:
        return (
            "the server heard it; of the agent itself nothing yet: start it once with this token, and check again"
        )
    last = own[-1]
    ago = int(time.time()) - int(str(last.get("last_at", 0)))
    return (
        f"the server heard it; the agent itself {ago} s ago, {last.get('events')} events in {last.get('session')}"
    )


def shown(found: list[Check], *, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        result({"checks": [asdict(one) for one in found]})
        return
    for one in found:
        click.echo(f"{'ok  ' if one.ok else 'FAIL'}  {one.check}: {one.detail}")


def _line(agent: str, text: str) -> str:
    """Return the shell line that the agent runs before a call; empty where there is none."""
    if agent == "opencode":
        match = _LINE.search(text)
        return str(json.loads(match[1])) if match else ""
    for _, entry in hook_setup.commands_in(agent, text):
        return str(entry.get("command") or entry.get("bash") or "")
    return ""


def _run(line: str, event: bytes, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # noqa: S603 - the very line that stands in the agent's configuration
        ["/bin/sh", "-c", line], input=event, env=environ, capture_output=True, timeout=_LIMIT_S, check=False
    )


def _is_denial(agent: str, done: "subprocess.CompletedProcess[bytes]") -> bool:
    """Tell whether the agent takes this for a denial."""
    if done.returncode == 2:
        return bool(done.stderr.strip())
    try:
        said = json.loads(done.stdout)
    except ValueError:
        return False
    return done.returncode == 0 and isinstance(said, dict) and _has_form_of(said, json.loads(denied(agent, "x")))


def _has_form_of(said: object, form: object) -> bool:
    """Tell whether two values have the same fields, whatever texts stand there."""
    if isinstance(form, dict):
        return (
            isinstance(said, dict)
            and said.keys() == form.keys()
            and all(_has_form_of(said[key], value) for key, value in form.items())
        )
    return isinstance(said, type(form)) and (isinstance(form, str) or said == form)


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    text = (done.stdout or done.stderr).decode(errors="replace").strip()
    return f"exit {done.returncode}: {text[:300] or 'nothing said'}"
