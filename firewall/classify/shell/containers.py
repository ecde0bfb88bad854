"""Containers: folders of this machine that they may write, and rights over it that they are given."""

import re

from firewall.classify.draft import shown
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.options import read_options
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

_RIGHTS = ("--privileged", "--cap-add", "--device", "--security-opt")
_MOUNT = re.compile(r"(?:.*,)?(?:source|src)=(?P<path>[^,]+)")


def container(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`docker run` and its like: folders of this machine that the container may write, and rights it is given."""
    words = command.words[1:]
    options, _ = read_options(
        words,
        frozenset(
            {"-v", "--volume", "--mount", "--cap-add", "--security-opt", "--pid", "--network", "--ipc", "--device"}
        ),
    )
    if not any(word.text in ("run", "create") for word in words[:3]):
        return False
    mounts = [
        Word(word.text.split(":")[0], known=word.known, head=word.text.split(":")[0], span=word.span)
        for word in options.values(("-v", "--volume"))
        if ":" in word.text
    ]
    mounts += [
        Word(match.group("path"), known=word.known, head=match.group("path"), span=word.span)
        for word in options.values(("--mount",))
        if (match := _MOUNT.match(word.text))
    ]
    touched = [
        Touched(Verb.RUN, word, recursive=True) for word in mounts if word.text[:1] in "/.~$" or not word.known
    ]
    for group in touch_drafts(touched, command.scope, analysis.context):
        draft = add(group, command, analysis, "container:mount", "gives a container the folder {path}")
        if not draft.inside_workspace:
            draft.effects |= {Effect.UNKNOWN}
            draft.unseen.append("what the container does with folders of this machine")
    risky: list[str] = [
        flag for flag in ("--privileged", "--cap-add", "--device", "--security-opt") if flag in options.flags
    ]
    risky += [
        word.text
        for word in options.values(("--pid", "--network", "--ipc"))
        if word.text == "host" and "--network" not in options.flags
    ]
    if risky:
        draft = analysis.opaque(
            command.span,
            f"a container with rights over this machine ({shown(risky[0])})",
            operation="container:privileged",
            effects=(Effect.PRIVILEGE, Effect.EXEC),
        )
        finish(draft, command, analysis)
    return False
