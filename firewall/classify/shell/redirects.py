"""Redirections: `>` replaces a file, `>>` adds to one, `<` reads one."""

import re

from tree_sitter import Node

from firewall.classify.draft import shown
from firewall.classify.http import plain_host
from firewall.classify.rows import Verb
from firewall.classify.shell.analysis import Analysis
from firewall.classify.shell.parse import Parsed
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Reading, words_of
from firewall.core.effect import Effect

_VERBS = {">": Verb.OVERWRITE, ">|": Verb.OVERWRITE, "&>": Verb.OVERWRITE, ">&": Verb.OVERWRITE, "<>": Verb.APPEND,
          ">>": Verb.APPEND, "&>>": Verb.APPEND, "<": Verb.READ}  # fmt: skip
_PHRASES = {
    Verb.OVERWRITE: "replaces the content of {path}; what was there is gone",
    Verb.APPEND: "adds to {path}",
    Verb.READ: "reads {path}",
}


_SOCKET = re.compile(r"/dev/(?:tcp|udp)/(?P<host>[^/\s]+)/(?P<port>\S+)")


def _connect(match: re.Match[str], node: Node, parsed: Parsed, analysis: Analysis) -> None:
    """Add the connection that bash opens for `/dev/tcp/HOST/PORT`."""
    why = f"opens a raw connection to {shown(match.group('host'))}"
    draft = analysis.opaque(parsed.span(node), why, operation="net:socket", effects=(Effect.EXFIL, Effect.UNKNOWN))
    draft.addresses.append(f"{plain_host(match.group('host'))}:{match.group('port')}/")
    draft.attributes.update(network=True, hosts=1, host=match.group("host").lower())


WORDS = 3
"""What a redirection counts for among the words that are read: it takes as long."""


def redirect(analysis: Analysis, parsed: Parsed, node: Node, scope: Scope, reading: Reading) -> None:
    """Add the action of one redirection; duplicated descriptors (`2>&1`) do nothing."""
    if not analysis.afford(WORDS, parsed.span(node)):
        return
    operator = next(
        (child.type for child in node.children if child.type in _VERBS or child.type in ("<&", "<&-", ">&-")), ""
    )
    target = node.child_by_field_name("destination")
    if target is None or operator in ("<&", "<&-", ">&-", ""):
        return
    if operator == ">&" and (target.type == "number" or parsed.text(target) in ("-", "1", "2")):
        return
    if target.type == "process_substitution":
        return
    verb = _VERBS[operator]
    if match := _SOCKET.fullmatch(parsed.text(target).strip("\"'")):
        _connect(match, node, parsed, analysis)
    after = node.next_sibling
    if after is not None and after.is_named and after.start_byte == target.end_byte:
        analysis.opaque(parsed.span(node), "a redirection whose file name is not read for sure")
    touched = [Touched(verb, word) for word in words_of(target, reading)]
    spots = touch_drafts(touched, scope, analysis.context)
    for draft in spots:
        if verb is Verb.READ and draft.effect_names() == {"read"}:
            continue
        if draft.is_void:
            continue
        draft.draft.operation = "shell:redirect"
        draft.draft.summary = _PHRASES[verb].format(path=draft.shown or shown(parsed.text(target)))
        draft.draft.point(parsed.span(node), _PHRASES[verb].format(path="this file"))
        analysis.drafts.append(draft.draft)
