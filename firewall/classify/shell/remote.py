"""ssh and its kin before their command is peeled: options that start programs here, and ports that are opened."""

import re

from firewall.classify.draft import Draft, Source, shown
from firewall.classify.http import plain_host
from firewall.classify.rows import Program
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.classify.shell.options import read_options
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

_STARTING = re.compile(
    r"\s*(?:Proxy|Local|KnownHosts|Remote)Command[\s=]+(?P<text>.*)|\s*PermitLocalCommand[\s=]+yes\s*",
    re.IGNORECASE | re.DOTALL,
)
_LOADING = re.compile(
    r"\s*(?:Include|PKCS11Provider|SecurityKeyProvider|IdentityAgent|XAuthLocation|ControlPath|SendEnv|SetEnv)[\s=].*",
    re.IGNORECASE | re.DOTALL,
)
_FORWARD = re.compile(r"(?:.*:)?(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>\d+)")


def ssh(command: Command, program: Program, analysis: Analysis) -> bool:
    """`ssh`: adds what its options do on this machine; the remote command is left to the wrapper's row."""
    options, _ = read_options(command.words[1:], program.takes, first_only=True)
    for word in options.values(("-o",)):
        _option(word, command, analysis)
    for word in options.values(("-F", "-I", "-S")):
        if word.text not in ("none", "/dev/null"):
            why = f"ssh reads its options from {shown(word.text)}"
            finish(analysis.opaque(word.span, why), command, analysis)
    for flag in ("-L", "-R", "-D", "-W", "-w"):
        for word in options.values((flag,)):
            _forward(flag, word, command, analysis)
    return False


def _option(word: Word, command: Command, analysis: Analysis) -> None:
    match = _STARTING.fullmatch(word.text)
    if not word.known or _LOADING.fullmatch(word.text):
        why = f"ssh's option {shown(word.text)}, which may start or load programs"
        finish(analysis.opaque(word.span, why), command, analysis)
    elif match is not None and (match.group("text") or "") != "none":
        effects = (Effect.EXEC, Effect.UNKNOWN)
        why = f"ssh runs {shown(word.text)} here"
        draft = analysis.opaque(word.span, why, operation="ssh:run", effects=effects)
        finish(draft, command, analysis)
        source = Source(match.group("text") or "", base=None, outer=word.span)
        analysis.script(analysis, source, command.scope.copy(), None, command.depth + 1)


def _forward(flag: str, word: Word, command: Command, analysis: Analysis) -> None:
    """Add a forwarded port: -R opens a port of this side to the other machine."""
    opens = flag in ("-R", "-w")
    draft = Draft("ssh:forward", effects={Effect.PRIVILEGE if opens else Effect.UNKNOWN})
    draft.summary = f"forwards ports between this machine and another: {shown(f'{flag} {word.text}')}"
    draft.unseen.append("what is sent through the forwarded port")
    match = _FORWARD.fullmatch(word.text)
    if match:
        draft.addresses.append(f"{plain_host(match.group('host'))}:{match.group('port')}/")
    draft.attributes["network"] = True
    draft.point(word.span, "forwards a port")
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
