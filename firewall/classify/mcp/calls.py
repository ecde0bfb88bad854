"""One call of an MCP tool: which server, what its tool does, what its arguments carry.

Trust: a pack names servers, pins what their tools do and lets the words of an unpinned tool's name decide. On a
server that no pack names, everything is `unknown` beside what the words say. A description and an annotation
are the server's own claim: INVARIANT: they only raise. Arguments only raise as well, but for a pack's own rule.
"""

import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from firewall.classify.context import Context
from firewall.classify.draft import Draft, shown
from firewall.classify.environments import Place, PlaceKind
from firewall.classify.mcp import words as claims
from firewall.classify.mcp.carried import MAX_ITEMS, carried
from firewall.classify.mcp.files import file_of
from firewall.classify.mcp.roots import without_own
from firewall.classify.mcp.tables import MAX_NAME_CHARS, McpRule, McpServer, canonical
from firewall.classify.mcp.telling import marks, told
from firewall.classify.paths import MAX_PATH_CHARS, is_privileged, is_secret
from firewall.classify.phrases import subject, words_of
from firewall.core.action import UNRESOLVED
from firewall.core.effect import Effect, severity, strictest
from firewall.core.fast_init import fast_init

_MILD = frozenset({Effect.READ, Effect.WRITE, Effect.DISRUPTIVE})


@fast_init
@dataclass(frozen=True, slots=True)
class McpCall:
    """One call, as the client makes it."""

    server: str
    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    description: str = ""
    """The server's words about the tool; empty where nobody repeats them."""
    hints: Mapping[str, object] = field(default_factory=dict)
    """The server's annotations (`readOnlyHint`, `destructiveHint`)."""
    environment: str = ""
    """Where the server lands, as the operator configured it; empty: nobody said so."""
    is_scoped: bool = False
    """It can reach nothing else."""
    is_reading: bool = False
    """`tool` is a method of the protocol that reads, said by the gate that serves it."""
    has_strays: bool = False
    """It has arguments that the tool does not declare: they may only say that it lies elsewhere."""


def server_of(name: str, context: Context) -> McpServer | None:
    """Return the pack's server of this name, or None."""
    named = context.catalogue.mcp_servers(name)
    return named[0] if named else None


def _pinned(call: McpCall, server: McpServer) -> set[Effect]:
    """Return what a pack pins for a call, by a rule or by the tool's name; empty: it says nothing of it."""
    name = canonical(call.tool)
    rule = next((rule for rule in server.rules if rule.fits(name, call.arguments)), None)
    return set(rule.effects if rule is not None else server.tools.get(name, ()))


def judge(call: McpCall, context: Context, text: str) -> list[Draft]:
    """Return drafts for a call: the tool itself first, then what its arguments hand to other readers.

    `text` is what evidence points into.
    """
    named = context.catalogue.mcp_servers(call.server)
    server, others = (named[0], named[1:]) if named else (None, ())
    asked = call
    if server is not None and server.dispatch:
        call = _dispatched(call, server)
    draft = _tool(call, server)
    for beside in others:
        # FAIL-CLOSED: of several packs for a server the strictest speaks, whatever their order.
        draft.effects |= _pinned(_dispatched(asked, beside) if beside.dispatch else asked, beside)
    _claims(call, draft)
    held = carried(
        call.tool,
        _carrying(call, context),
        context,
        text,
        dialect=server.dialect if server is not None else "",
    )
    if held.decides and draft.effects <= {Effect.READ, Effect.EXEC, Effect.UNKNOWN}:
        # The tool does what its text says; the readers of that text speak for it.
        draft.effects = {Effect.READ} | ({Effect.UNKNOWN} if server is None else set())
    draft.effects |= held.effects | _kept(call, draft, context)
    does = draft.effects.union(*(other.effects for other in held.drafts))
    by_server = _place(call, draft, server, context, does=does)
    _tell(call, draft, server, context, text)
    drafts = [draft, *held.drafts]
    leads = bool(by_server) or call.is_scoped or does <= {Effect.READ}
    for other in held.drafts:
        if other.environment == UNRESOLVED and (leads or not other.own_way):
            other.environment = draft.environment
    return drafts


def _carrying(call: McpCall, context: Context) -> Mapping[str, object]:
    """Return the arguments that may hand something to other readers.

    An address by which the protocol reads is the server's own name of something, but for what it fetches and for
    files that are named in a way of their own; credentials among the server's files are looked for in any case.
    """
    arguments = without_own(call.arguments, context)
    uri = arguments.get("uri")
    is_fetched = isinstance(uri, str) and uri[:4].lower() in ("http", "file") and not file_of(arguments)
    if not call.is_reading or not isinstance(uri, str) or is_fetched:
        return arguments
    return {name: value for name, value in arguments.items() if name != "uri"}


_NAMING = frozenset(
    {"path", "paths", "file", "files", "filepath", "filename", "uri", "source", "destination", "target"}
)
_UNJOINED = str.maketrans("", "", "-./ _")
_MOST_PATHS = 32


def _kept(call: McpCall, draft: Draft, context: Context) -> set[Effect]:
    """Return what files that arguments name add: credentials are secret, configuration that runs is privilege."""
    found: set[Effect] = set()
    for name, value in call.arguments.items():
        if name[:MAX_NAME_CHARS].translate(_UNJOINED) not in _NAMING:
            continue
        for one in (value if isinstance(value, list) else [value])[:_MOST_PATHS]:
            if not isinstance(one, str):
                continue
            is_file = one[:5].lower() == "file:"
            if "://" in one and not is_file:
                continue
            plain = file_of({"uri": one}) if is_file else one
            # FAIL-CLOSED: a file that is not named plainly could be any.
            found |= {Effect.UNKNOWN} if is_file and not plain else set()
            path = (plain or one[5:].removeprefix("//"))[:MAX_PATH_CHARS]
            path = f"{context.home or '/root'}{path[1:]}" if path.startswith("~/") else path
            path = posixpath.normpath(posixpath.join(context.workspace or "/", path))
            found |= {Effect.SECRET} if is_secret(path, context) else set()
            changes = not draft.effects <= {Effect.READ}
            found |= {Effect.PRIVILEGE} if changes and is_privileged(path, context) else set()
    return found


def _dispatched(call: McpCall, server: McpServer) -> McpCall:
    """Unwrap a tool that takes another's name: `storage {command: "storage_account_list", parameters: {…}}`."""
    name = call.arguments.get(server.dispatch)
    inner = call.arguments.get("parameters", {})
    if not isinstance(name, str) or not name or not isinstance(inner, Mapping):
        return call
    tool = canonical(name)
    whole = tool in server.tools or tool.startswith(f"{canonical(call.tool)}_")
    return McpCall(
        call.server,
        tool if whole else f"{call.tool}_{tool}",
        {str(key): value for key, value in inner.items()},
        "",
        call.hints,
        call.environment,
        call.is_scoped,
        has_strays=call.has_strays,
    )


def _tool(call: McpCall, server: McpServer | None) -> Draft:
    name = canonical(call.tool)
    provider = server.provider if server is not None else call.server.lower()
    draft = Draft(f"mcp:{call.tool}", f"mcp:{provider}/{call.tool}")
    if call.is_reading:
        draft.effects = {Effect.READ}
        uri = call.arguments.get("uri")
        if isinstance(uri, str) and uri[:5].lower() == "file:" and not file_of(call.arguments):
            # FAIL-CLOSED: a file that is not named plainly could be any.
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("which file is read")
        return draft
    rule = _rule_of(call, server)
    if rule is not None:
        draft.effects = set(rule.effects)
        draft.summary, draft.undo = rule.summary, rule.undo
    elif server is not None and name in server.tools:
        draft.effects = set(server.tools[name])
    else:
        draft.effects = _spoken(call)
    if server is None:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append(f"what the server {shown(call.server)} does: no pack names it")
    elif not draft.effects:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append(f"what {shown(call.tool)} does: no pack pins it and its name does not tell")
    return draft


def _rule_of(call: McpCall, server: McpServer | None) -> McpRule | None:
    name = canonical(call.tool)
    return next((rule for rule in server.rules if rule.fits(name, call.arguments)), None) if server else None


def _spoken(call: McpCall) -> set[Effect]:
    """Return what the words of an unpinned tool say: the name's, else the description's."""
    named = claims.of_name(call.tool).effects
    told = claims.of_description(call.description).effects
    return set(named or told)


def _claims(call: McpCall, draft: Draft) -> None:
    """Add what the server itself says about the tool, where it is worse than what we think."""
    reads = draft.effects <= {Effect.READ, Effect.SECRET, Effect.UNKNOWN}
    if not claims.rebuilds(call.tool):
        draft.effects |= claims.of_description(call.description).effects & {Effect.DESTRUCTIVE}
    admitted = (
        "" if reads and call.hints.get("destructiveHint") is not True else claims.admits_loss(call.description)
    )
    if admitted and Effect.DESTRUCTIVE not in draft.effects:
        draft.effects.add(Effect.DESTRUCTIVE)
    if reads and call.hints.get("readOnlyHint") is False and draft.effects <= {Effect.READ}:
        draft.effects.add(Effect.WRITE)
    if Effect.DESTRUCTIVE in draft.effects:
        draft.effects.discard(Effect.WRITE)


_PLACES = {
    "project": PlaceKind.PROJECT,
    "projectid": PlaceKind.PROJECT,
    "project_id": PlaceKind.PROJECT,
    "projectref": PlaceKind.PROJECT,
    "subscription": PlaceKind.PROJECT,
    "repo": PlaceKind.PROJECT,
    "app": PlaceKind.PROJECT,
    "environment": PlaceKind.PROJECT,
    "environmentid": PlaceKind.PROJECT,
    "context": PlaceKind.KUBE_CONTEXT,
    "cluster": PlaceKind.KUBE_CONTEXT,
    "namespace": PlaceKind.KUBE_NAMESPACE,
    "database": PlaceKind.DATABASE,
    "branch": PlaceKind.PROJECT,
    "branchid": PlaceKind.PROJECT,
}


def _named_places(call: McpCall, provider: str) -> Iterator[Place]:
    """Yield the places that arguments name."""
    for key, value in call.arguments.items():
        kind = _PLACES.get(key.lower().replace("-", "_"))
        if kind is not None and isinstance(value, str):
            yield kind, f"{provider}/{value}" if kind is PlaceKind.PROJECT else value


def _place(
    call: McpCall, draft: Draft, server: McpServer | None, context: Context, *, does: Collection[Effect]
) -> Collection[str]:
    """Find the environment by the server, the tool and the arguments that name a place; two that differ: none.

    Returns where rows say that the server or the tool lies, whatever the arguments are.
    """
    provider = server.provider if server is not None else call.server.lower()
    places: list[Place] = [(PlaceKind.RESOURCE, draft.resource), (PlaceKind.MACHINE, f"mcp:{call.server}")]
    by_server = context.environments.claimed(places)
    if len(call.arguments) <= MAX_ITEMS:  # else its environment stays unresolved, as its effects are unknown
        named = list(_named_places(call, provider))
        claimed = context.environments.claimed([*places, *named]) if named else by_server
        draft.environment = _landing(call, claimed, by_server if call.has_strays else claimed, does)
    draft.attributes["network"] = True
    draft.attributes["machine"] = f"mcp:{call.server}"
    return by_server


def _landing(call: McpCall, claimed: Collection[str], settled: Collection[str], does: Collection[Effect]) -> str:
    """Return where a call lands: `claimed` are the environments of the places that it names.

    `settled`: those that also may say that it lies nowhere else.
    INVARIANT: what a server is configured for never hides that an argument names a place elsewhere. What is
    changed by an id that no row names lies in the server's environment only where it can reach nothing else.
    """
    elsewhere = sorted(name for name in claimed if name != call.environment)
    if not call.environment:
        return elsewhere[0] if len(elsewhere) == 1 and settled else UNRESOLVED
    if elsewhere:
        return elsewhere[0]
    is_known = bool(settled) or call.is_scoped or set(does) <= {Effect.READ}
    return call.environment if is_known else UNRESOLVED


_PHRASES = {
    Effect.READ: "reads",
    Effect.WRITE: "changes something that can be changed back",
    Effect.DISRUPTIVE: "interrupts a service",
    Effect.EXEC: "runs code",
    Effect.UNKNOWN: "does something that is not known here",
    Effect.EXFIL: "sends data out",
    Effect.SECRET: "shows credentials",
    Effect.PRIVILEGE: "changes who may do what",
    Effect.DESTRUCTIVE: "removes or overwrites something",
}


def _tell(call: McpCall, draft: Draft, server: McpServer | None, context: Context, text: str) -> None:
    effect = strictest(draft.effects)
    words = context.catalogue.words
    draft.summary = told(call.tool, call.server, call.arguments, words, summary=draft.summary)
    if Effect.DESTRUCTIVE in draft.effects and not draft.undo and "no undo" not in draft.summary:
        draft.summary += "; no undo on this server that we know of"
    if severity(effect) == 0 and server is not None:
        return
    at = text.find(call.tool)
    if at >= 0 and call.tool:
        draft.point((at, at + len(call.tool)), f"the tool: {_PHRASES[effect]}")
    for start, end, name in marks(text, call.arguments, _deciding(call, server)):
        draft.point((start, end), f"its {name}")
    claim = "" if draft.effects <= _MILD else claims.admits_loss(call.description)
    at = text.find(claim) if claim else -1
    if at >= 0:
        draft.point((at, at + len(claim)), "its server's own words")


def _deciding(call: McpCall, server: McpServer | None) -> list[str]:
    """Return the arguments to look at: those that a pack's rule asked for, and the one that it is about."""
    rule = _rule_of(call, server)
    return [*(rule.when if rule is not None else ()), subject(call.arguments, words_of(call.tool))]
