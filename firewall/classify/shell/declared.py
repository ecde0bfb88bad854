"""Files that declare what a tool makes run: Compose files and Terraform's. What stands in them is only added.

Compose (compose-spec): rights over the machine. Terraform: `data "external"` runs while planning, `local-exec`
while applying (developer.hashicorp.com/terraform/language/provisioners). Read by lines; what is put together from
variables stays unknown to the shell that reads it.
"""

import json
import re
import shlex

from firewall.classify.draft import Draft, Source
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.contents import Read, left_out
from firewall.core.effect import Effect

MAX_FOUND = 24
_RIGHTS = re.compile(
    r"^[ \t]*+(?:-[ \t]++)?+(?P<what>privileged:[ \t]*+true"
    r"|(?:pid|ipc|network_mode|userns_mode|uts):[ \t]*+['\"]?host\b"
    r"|cap_add:|devices:|['\"]?(?:seccomp|apparmor)[:=]unconfined"
    r"|['\"]?/:[^\s]*|source:[ \t]*+/[ \t]*+$|[^#\n]{0,200}/docker\.sock)",
    re.MULTILINE,
)
_BLOCK = re.compile(r"^[ \t]*+(?P<kind>data[ \t]++\"external\"|provisioner[ \t]++\"local-exec\")", re.MULTILINE)
_COMMAND = re.compile(
    r"\b(?:command|program)[ \t]*+=[ \t]*+"
    r"(?:\"(?P<text>(?:[^\"\\]|\\.)*+)\"|(?P<list>\[[^\]]*+\])|<<-?(?P<end>\w+)\n)"
)
MAX_BLOCK_CHARS = 4096


def compose(command: Command) -> Read:
    """Return the reader of a Compose file."""

    def read(inner: Analysis, source: Source) -> None:
        for count, match in enumerate(_RIGHTS.finditer(source.text)):
            if count >= MAX_FOUND:
                left_out(inner, "more rights over this machine than are read")
                return
            why = f"starts a container with rights over this machine (`{match['what'].strip()[:60]}`)"
            draft = Draft("container:privileged", "machine:", effects={Effect.EXEC, Effect.PRIVILEGE}, summary=why)
            draft.attributes.update(command.attributes)
            draft.point(source.span(match.start("what"), match.end("what")), why)
            inner.drafts.append(draft)

    return read


def terraform(command: Command, *, applies: bool) -> Read:
    """Return the reader of a Terraform file; without `applies` only what runs while planning is read."""

    def read(inner: Analysis, source: Source) -> None:
        for count, match in enumerate(_BLOCK.finditer(source.text)):
            if count >= MAX_FOUND:
                left_out(inner, "more programs than are read")
                return
            if not applies and not match["kind"].startswith("data"):
                continue
            text = _text(source.text[match.end() : match.end() + MAX_BLOCK_CHARS])
            if text is None:
                left_out(inner, "a program of a Terraform file that is not understood")
                continue
            piece = Source(text, base=None, outer=source.span(match.start("kind"), match.end()))
            inner.script(inner, piece, command.scope.copy(), None, command.depth + 1)

    return read


def runs_programs(text: str) -> bool:
    """Tell whether planning with a Terraform file runs a program."""
    return any(match["kind"].startswith("data") for match in _BLOCK.finditer(text))


def _text(block: str) -> str | None:
    """Return the command line of a block as shell text; None: it is not there, or not understood."""
    match = _COMMAND.search(block)
    if match is None:
        return None
    if match["end"] is not None:
        text, found, _ = block[match.end() :].partition(f"\n{match['end']}")
        return text if found else re.split(rf"\n[ \t]*{match['end']}\b", text)[0]
    try:
        words = json.loads(match["list"] if match["list"] is not None else f'["{match["text"]}"]')
    except ValueError:
        return None
    if not all(isinstance(word, str) for word in words):
        return None
    return " ".join(map(shlex.quote, words)) if match["list"] is not None else str(words[0])
