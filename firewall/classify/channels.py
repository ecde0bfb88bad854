"""Requests to targets that go on as a WebSocket: what the channel may do, beside what the request itself says.

What goes through a channel is not seen before it is there, so a channel is `unknown` unless something says what it
is for: the subresource of a cluster, whose command is then judged as the shell's, or a row of hosts.toml with the
method `WEBSOCKET`.
"""

import shlex
from dataclasses import replace
from urllib.parse import parse_qsl

from firewall.classify.api import kubernetes
from firewall.classify.api.known import HostRule, rule_for
from firewall.classify.api.request import query_of, readings
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source
from firewall.classify.http import address_of, row_of
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.walk import analyse
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec

METHOD = "WEBSOCKET"
"""Stands in the `methods` of a row that knows what a channel is for."""
_SAID = "what is said through the WebSocket"
_TRUE = frozenset({"1", "true", "t", "yes"})


def is_channel(outgoing: Outgoing) -> bool:
    """Tell whether a request goes on as a WebSocket."""
    return outgoing.header("upgrade").strip().lower() == "websocket"


def with_channel(
    drafts: list[Draft], spec: TargetSpec, outgoing: Outgoing, *, context: Context, span: tuple[int, int]
) -> list[Draft]:
    """Return the drafts of such a request with what its channel may do."""
    if spec.kind is TargetKind.KUBERNETES:
        found = [kubernetes.target_of(segments) for segments in readings(outgoing.path)]
        if any(target is not None and target.sub == "exec" for target in found):
            return [*drafts, *_commands(found[0] or kubernetes.Target("", ""), outgoing, context, span)]
        if all(target is not None and target.sub in kubernetes.CONNECTS for target in found):
            return drafts  # `exec` already
    elif (rule := _rule(spec, outgoing, context)) is not None:
        for draft in drafts:
            draft.effects |= set(rule.effects)
            draft.summary = rule.summary or draft.summary
        return drafts
    for draft in drafts:
        # FAIL-CLOSED: nobody says what this channel is for; of one that only reads, nothing would be masked.
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append(_SAID)
    return drafts


def _rule(spec: TargetSpec, outgoing: Outgoing, context: Context) -> HostRule | None:
    address = address_of(f"https://{spec.host}{outgoing.target}")
    row = row_of(address, context.catalogue) if address is not None else None
    if row is None or address is None or spec.kind is not TargetKind.REST:
        return None
    rules = [rule for rule in row.rules if METHOD in rule.methods]
    return rule_for(rules, METHOD, address.path, operation="", arguments=query_of(outgoing.query))


def _commands(
    target: kubernetes.Target, outgoing: Outgoing, context: Context, span: tuple[int, int]
) -> list[Draft]:
    """Judge what is run in a container as the same command line would be, `kubectl exec` before it."""
    given = parse_qsl(outgoing.query, keep_blank_values=True)
    command = [value for name, value in given if name == "command"]
    said = dict(given)
    flags = [flag for flag, name in (("-i", "stdin"), ("-t", "tty")) if said.get(name, "").lower() in _TRUE]
    where = ["-n", target.namespace] if target.namespace else []
    container = ["-c", said["container"]] if said.get("container") else []
    words = ["kubectl", "exec", *flags, *where, *container, target.name or "?", "--", *command]
    line = shlex.join(words)
    inside = replace(context, workspace="", cwd="", home="")
    drafts = analyse(Source(line, base=None, outer=span), inside, Scope(cwds=(), variables={}))
    for draft in drafts:
        draft.point(span, line)
    return drafts
