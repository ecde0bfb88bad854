"""Programs that speak to other machines without HTTP: names that are looked up, raw connections."""

import re

from firewall.classify.draft import Draft, shown
from firewall.classify.http import plain_host
from firewall.classify.rows import Program
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import finish
from firewall.classify.shell.options import read_options
from firewall.core.effect import Effect


def lookup(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`dig`, `ping` and their kin: a name made of what a command prints carries that out."""
    secret = analysis.context.catalogue.variables.secret
    for word in command.words[1:]:
        told = re.search(r"\$\(|`", word.text) or any(secret.fullmatch(name.upper()) for name in word.names)
        if not word.known and told:
            why = f"asks the network for a name made of {shown(word.text)}"
            effects = (Effect.EXFIL, Effect.UNKNOWN)
            finish(analysis.opaque(word.span, why, operation="net:lookup", effects=effects), command, analysis)
    return False


def netcat(command: Command, program: Program, analysis: Analysis) -> bool:
    """`nc`, `socat`: a raw connection; what it carries is not seen."""
    options, _ = read_options(command.words[1:], program.takes)
    draft = Draft(
        f"net:{command.name}",
        summary=f"opens a raw connection: {shown(' '.join(word.text for word in command.words))}",
    )
    hosts = [word.text for word in options.positional]
    draft.addresses.append(":".join([plain_host(hosts[0]), *hosts[1:2]]) + "/" if hosts else "?:0/")
    draft.attributes.update(network=True, hosts=1, host=hosts[0].lower() if hosts else "")
    text = " ".join(hosts)
    if (
        any(options.given(flag) for flag in ("-e", "-c", "--exec", "--sh-exec"))
        or "EXEC:" in text.upper()
        or "SYSTEM:" in text.upper()
    ):
        draft.effects |= {Effect.EXEC, Effect.EXFIL, Effect.PRIVILEGE}
        draft.summary = "gives another machine a shell here"
    elif "-z" in options.flags:
        draft.effects.add(Effect.READ)
    else:
        draft.effects |= {Effect.EXFIL if command.feed is not None else Effect.UNKNOWN, Effect.UNKNOWN}
        draft.unseen.append("what the connection carries")
    draft.point(command.span, draft.summary)
    analysis.drafts.append(draft)
    finish(draft, command, analysis)
    return True


_PARTING = frozenset({"", "Q", "QUIT"})
"""What is typed to end a connection that was only looked at."""


def tls(command: Command, _program: Program, analysis: Analysis) -> bool:
    """`openssl s_client`: what stands on its standard input is sent; without any it shows the certificate."""
    feed = command.feed
    if "s_client" not in [word.text for word in command.words[1:]] or feed is None:
        return False
    if feed.paths == ("/dev/null",) or (feed.text is not None and feed.text.strip() in _PARTING):
        return False
    effects = (Effect.EXFIL, Effect.UNKNOWN)
    draft = analysis.opaque(command.span, "what the connection carries", operation="net:openssl", effects=effects)
    draft.summary = f"sends what it reads over {shown(' '.join(word.text for word in command.words))}"
    draft.attributes.update(network=True)
    finish(draft, command, analysis)
    return True
