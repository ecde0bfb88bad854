"""What `stayhand hook check` finds: an agent's configuration, the line that it runs, and what the server heard."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from firewall.cli import hook_reading, hook_setup
from firewall.cli.hook_client import NoAnswerError, ask, token_of
from firewall.cli.report import result, say
from firewall.codecs.hooks.shapes import allowed, denied

_LIMIT_S = 60
_BETWEEN_S = 0.2
SESSION = "stayhand-hook-check"
_BEATS: Mapping[str, object] = {
    "cursor": {"hook_event_name": "sessionStart", "conversation_id": SESSION},
    "copilot": {"source": "check", "sessionId": SESSION},
    "opencode": {"event": "session.start", "session": SESSION},
    "cline": {"hookName": "TaskStart", "taskId": SESSION},
}
_BEAT = {"hook_event_name": "SessionStart", "session_id": SESSION}
_DYING = ("/bin/sh", "-c", "kill -9 $$")
"""Stands for our program that is killed, in a line that is else the same."""
_KEPT = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What our program needs of its caller's environment, besides the agent's token."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    check: str
    ok: bool
    detail: str


def checks(
    agent: str, text: str, path: Path, *, program: Sequence[str], url: str = "", wait_s: int = 0
) -> list[Check]:
    """Look at everything, as far as what comes before is well.

    `program`: how `stayhand` is started here; `url`: the firewall's, where the file is not to be believed;
    `wait_s`: how long to wait for the agent itself, which somebody starts meanwhile.
    """
    foreign = hook_reading.foreign_in(agent, text, program, url)
    lacking = [*hook_setup.missing_in(agent, text), *hook_reading.switched_off(text), *foreign]
    found = [Check("configured", not lacking, "; ".join(lacking) or str(path))]
    lines = hook_reading.lines_in(agent, text)
    options = hook_reading.options_of(agent, lines[0], program) if lines and not foreign else None
    if options is None:
        return found
    words = [word for option in options.items() for word in option]
    line = hook_setup.program_line(agent, program, words)
    beat = json.dumps(_BEATS.get(agent, _BEAT)).encode()
    bare = {name: os.environ[name] for name in _KEPT if name in os.environ}
    found.append(_fires(agent, line, beat, options, bare))
    if "--token-file" not in options:
        alone = _run(line, beat, bare)
        found.append(Check("closed without a token", _is_denial(agent, alone), _said(alone)))
    dead = _run(hook_setup.program_line(agent, _DYING, words), beat, bare)
    if wait_s and found[1].ok:
        found.append(_fires_itself(agent, options, wait_s))
    found.append(Check("closed when the hook dies", _is_denial(agent, dead), _said(dead)))
    return found


def _fires(agent: str, line: str, beat: bytes, options: Mapping[str, str], bare: Mapping[str, str]) -> Check:
    """Send a sign of life as the agent would, and have the server say that it heard this one."""
    try:
        token = token_of(options, os.environ)
        before = _of_check(_sessions(agent, options, token))
        fired = _run(line, beat, bare if "--token-file" in options else {**bare, "STAYHAND_AGENT_TOKEN": token})
        if fired.returncode != 0 or fired.stdout != allowed(agent):
            return Check("fires", ok=False, detail=_said(fired))
        sessions = _sessions(agent, options, token)
    except (NoAnswerError, OSError) as error:
        return Check("fires", ok=False, detail=str(error))
    if _of_check(sessions) <= before:
        return Check("fires", ok=False, detail="the hook ran, and the server heard nothing of it")
    return Check("fires", ok=True, detail=_last_heard(sessions))


def _fires_itself(agent: str, options: Mapping[str, str], wait_s: int) -> Check:
    """Wait until the server hears the agent itself: nothing else shows that it runs its hooks, and trusts them."""
    name, until = "the agent itself fires", time.monotonic() + wait_s
    say(f"stayhand: start {agent} now with this token, and have it use a tool ({wait_s} s)")
    try:
        token = token_of(options, os.environ)
        before = _of_agent(_sessions(agent, options, token))
        while (heard := _of_agent(_sessions(agent, options, token))) <= before:
            if time.monotonic() >= until:
                return Check(name, ok=False, detail=f"the server heard nothing of it within {wait_s} s")
            time.sleep(_BETWEEN_S)
    except (NoAnswerError, OSError) as error:
        return Check(name, ok=False, detail=str(error))
    return Check(name, ok=True, detail=f"the server heard {heard - before} events of it")


def _of_agent(sessions: Sequence[Mapping[str, object]]) -> int:
    """Return how many events of the agent's own sessions were heard."""
    return sum(int(str(one.get("events", 0))) for one in sessions if one.get("session") != SESSION)


def _sessions(agent: str, options: Mapping[str, str], token: str) -> list[Mapping[str, object]]:
    """Return what the server heard with this token. Raises: NoAnswerError, OSError."""
    answer = ask(options["--url"], f"/hooks/{agent}", token, b"", method="GET")
    sessions = answer.get("sessions")
    if not isinstance(sessions, list):
        raise NoAnswerError("the server does not say what it heard")
    return [one for one in sessions if isinstance(one, dict) and one.get("agent") == agent]


def _of_check(sessions: Sequence[Mapping[str, object]]) -> int:
    """Return how many events of `hook check` itself were heard."""
    return sum(int(str(one.get("events", 0))) for one in sessions if one.get("session") == SESSION)


def _last_heard(sessions: Sequence[Mapping[str, object]]) -> str:
    """Say when the server last heard the agent itself, with the same token."""
    own = [one for one in sessions if one.get("session") != SESSION]
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


def _run(line: str, event: bytes, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # noqa: S603 - our own line, made by `program_line`, never one that was read
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
    text = " ".join((done.stdout or done.stderr).decode(errors="replace").split())
    return f"exit {done.returncode}: {text[:300] or 'nothing said'}"
