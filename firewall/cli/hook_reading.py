"""What `stayhand hook check` reads in an agent's file: whether its entries are those that `hook install` writes.

INVARIANT: nothing that stands in the file is run. A line is ours when the line made anew from its options, for the
program that runs now, is the same to the last character.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence

from firewall.cli import hook_setup

_PLUGIN_LINE = re.compile(r"^const LINE = (\".*\")$", re.MULTILINE)
_OPTIONS = ("--url", "--token-file", "--wait", "--held")


def lines_in(agent: str, text: str) -> list[str]:
    """Return every shell line with our mark in an agent's file, and the whole file where it is a program."""
    if agent == "opencode" and (match := _PLUGIN_LINE.search(text)):
        return [str(json.loads(match[1]))] if _is_json(match[1]) else [text]
    if agent == "cline":
        text = text.removeprefix("#!/bin/sh\n").removesuffix("\n")
    found = hook_setup.commands_in(agent, text)
    return [str(entry.get("command") or entry.get("bash") or "") for _, entry in found]


def options_of(agent: str, line: str, program: Sequence[str]) -> dict[str, str] | None:
    """Return the options of a line that `hook install` writes with this program; None for any other line."""
    head = [*program, "hook", agent]
    try:
        words = shlex.split(line)
        options = words[len(head) : words.index("||")]
    except ValueError:
        return None
    given = dict(zip(options[::2], options[1::2], strict=False))
    again = [word for name in _OPTIONS if name in given for word in (name, given[name])]
    is_ours = "--url" in given and line == hook_setup.program_line(agent, program, again)
    return given if is_ours else None


def foreign_in(agent: str, text: str, program: Sequence[str], url: str) -> list[str]:
    """Return what in an agent's file is not ours though it bears our mark; `url`: the only one that is, if any."""
    lines = lines_in(agent, text)
    found: list[str] = []
    for line in dict.fromkeys(lines):
        options = options_of(agent, line, program)
        if options is None:
            found.append(f"not ours, and not run: {line[:200]!r} is not what `stayhand hook install` writes here")
        elif url and options["--url"].rstrip("/") != url.rstrip("/"):
            found.append(
                f"not ours, and not run: it asks {options['--url']}, not {url} (--url says which is right)"
            )
        elif agent in ("opencode", "cline") and text != _installed(agent, line, options):
            found.append("not ours, and not run: more stands in the file than `stayhand hook install` writes")
    if not found and len(set(lines)) > 1:
        found.append("not ours, and not run: the entries differ in their options; install again")
    return found


def _installed(agent: str, line: str, options: Mapping[str, str]) -> str:
    wait = options.get("--wait", "0")
    return hook_setup.installed_text(agent, "", line, wait_s=int(wait) if wait.isdigit() else 0)


def switched_off(text: str) -> list[str]:
    """Return the settings of an agent's JSON file that switch its hooks off."""
    try:
        settings = json.loads(text or "{}")
    except ValueError:
        return []
    if not isinstance(settings, Mapping):
        return []
    found = ['"disableAllHooks" is set'] if settings.get("disableAllHooks") not in (None, False) else []
    more = settings.get("hooksConfig")
    if isinstance(more, Mapping):
        if more.get("enabled", True) is not True:
            found.append('"hooksConfig.enabled" is not true')
        if "stayhand" in str(more.get("disabled", "")):
            found.append('"hooksConfig.disabled" names ours')
    return found


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), str)
    except ValueError:
        return False
