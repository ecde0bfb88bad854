"""Text that a shell or a program runs because a variable holds it: `PROMPT_COMMAND`, `PS4`, `BASH_ENV`, `PAGER`.

INVARIANT: it only adds. That setting the variable is `unknown` is said where it is set; here is said what is lost.
"""

import re

from firewall.classify.draft import Draft, Source
from firewall.classify.shell.analysis import Analysis
from firewall.classify.shell.scope import Scope
from firewall.core.effect import Effect

_COMMANDS = frozenset(
    {
        "PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR", "GIT_PAGER", "GIT_ASKPASS",
        "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "PAGER", "EDITOR", "VISUAL", "BROWSER", "MANPAGER",
        "KUBE_EDITOR", "SYSTEMD_EDITOR", "PSQL_PAGER", "PSQL_EDITOR", "SSH_ASKPASS", "SUDO_ASKPASS",
        "LESSOPEN", "LESSCLOSE",
    }
)  # fmt: skip
"""Their values are command lines."""
_PROMPTS = frozenset({"PS0", "PS1", "PS2", "PS4"})
"""Their values are expanded whenever they are shown."""
_FILES = frozenset({"BASH_ENV", "ENV"})
"""Their values are expanded, and name a file that a shell runs as it starts."""
_PLAIN = re.compile(r"[\w./@:+-]+")
_QUIET = frozenset({Effect.READ, Effect.EXEC, Effect.UNKNOWN, Effect.WRITE})


def add_behind(
    name: str, value: str | None, span: tuple[int, int], scope: Scope, analysis: Analysis, *, depth: int
) -> None:
    """Add what the value of a variable loses where something runs it, and name the files that it makes run."""
    text = _text(name, value or "")
    if not text:
        return
    before = len(analysis.drafts)
    inner = scope.copy()
    inner.variables.pop(name, None)
    analysis.script(analysis, Source(text, base=None, outer=span), inner, None, depth + 1)
    analysis.drafts[before:] = [draft for draft in analysis.drafts[before:] if _matters(draft)]


def _text(name: str, value: str) -> str:
    """Return the shell text that stands for what a value makes run; empty: none that is read here."""
    if name in _COMMANDS:
        return value.lstrip("| ") if name.startswith("LESS") else value
    if name in _PROMPTS or (name in _FILES and not _PLAIN.fullmatch(value)):
        return f'echo "{value}"' if "$(" in value or "`" in value else ""
    return f". ./{value}" if name in _FILES and "/" not in value else f". {value}" if name in _FILES else ""


def _matters(draft: Draft) -> bool:
    return bool(draft.effects - _QUIET or draft.files) or draft.operation == "shell:unread"
