"""An agent's tool call to actions: `actions_of` and `bound_arguments`, the face of classification for the gates.

INVARIANT: never empty and never raising, for any bytes: what cannot be parsed is one action with effect
`unknown`. An argument that is not in the tool's row makes the call `unknown`, because it may change the meaning.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from firewall.classify import filetools, sessions
from firewall.classify.arguments import bare_name, first_text, long_numbers, read_arguments, why_unread
from firewall.classify.catalogue import ToolKind, ToolSpec
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, one_line, shown, unknown_action
from firewall.classify.egress_requests import PREFIX as EGRESS
from firewall.classify.egress_requests import actions_of_egress, bound_egress
from firewall.classify.hosted import judge_hosted
from firewall.classify.mcp import names as mcp_names
from firewall.classify.mcp.calls import McpCall, server_of
from firewall.classify.mcp.calls import judge as judge_mcp
from firewall.classify.mcp.files import file_of
from firewall.classify.mcp.naming import is_apart, landed, names_of
from firewall.classify.mcp.tables import canonical
from firewall.classify.nested import script_actions
from firewall.classify.paths import locate, normal
from firewall.classify.recovery import with_recovery
from firewall.classify.requests import actions_of_request, bound_request
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.walk import analyse
from firewall.classify.state import Session
from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.call import CallForm, Served, ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads_object

MAX_ARGUMENTS = 400
_SHELL = re.compile(r"(?:(?:/usr)?(?:/local)?/bin/)?(?:bash|sh|zsh|dash)|")
_POWERSHELL = re.compile(r"(?:.*[/\\])?(?:pwsh|powershell)(?:\.exe)?", re.IGNORECASE)


def actions_of(call: ToolCall, context: Context) -> tuple[Action, ...]:
    """Return every action of a tool call, in order; at least one."""
    try:
        return with_recovery(_understood(call, context), context.catalogue.recovery)
    except RecursionError:
        # FAIL-CLOSED: a call too deeply nested to read is not read.
        return (unknown_action(call.name, "a call that is too deeply nested to read"),)


def _understood(call: ToolCall, context: Context) -> tuple[Action, ...]:
    if call.form is not CallForm.REQUEST:
        return _actions(call, context)
    return actions_of_egress(call, context) if call.name.startswith(EGRESS) else actions_of_request(call, context)


def bound_arguments(call: ToolCall, context: Context) -> bytes:
    """Return the canonical bytes of the arguments that an approval binds: without what is inert for the tool.

    Arguments that are no JSON object are bound as they came.
    """
    if call.form is CallForm.REQUEST:
        return bound_egress(call) if call.name.startswith(EGRESS) else bound_request(call)
    if call.form is not CallForm.JSON:
        return call.arguments
    try:
        arguments = read_arguments(call.arguments)
    except (ProtocolError, RecursionError):
        return call.arguments
    spec = context.catalogue.tools.get(bare_name(call.name))
    inert = spec.inert if spec is not None else frozenset[str]()
    bound = {key: value for key, value in arguments.items() if key not in inert}
    if spec is not None and spec.kind is ToolKind.INPUT:
        session = sessions.known(_session(spec, arguments), context)
        bound = {"arguments": bound, "pending": session.pending, "programs": list(session.programs)}
    return orjson.dumps(bound, option=orjson.OPT_SORT_KEYS) + long_numbers(call.arguments)


def sessions_after(call: ToolCall, actions: Sequence[Action], context: Context) -> Mapping[str, Session]:
    """Return the agent's open sessions once a call took effect; `actions` are the call's own."""
    spec = context.catalogue.tools.get(bare_name(call.name))
    if spec is None or spec.kind not in (ToolKind.SHELL, ToolKind.INPUT, ToolKind.CODE):
        return context.sessions
    if spec.kind is ToolKind.CODE and any(action.operation == "session:input" for action in actions):
        return sessions.opened(actions, sessions.lost(context.sessions))
    if spec.kind is not ToolKind.INPUT:
        return sessions.opened(actions, context.sessions)
    if call.form is not CallForm.JSON:
        return sessions.after(sessions.OPENED, call.arguments.decode("utf-8", "replace"), context)
    try:
        arguments = loads_object(call.arguments, what="arguments")
    except (ProtocolError, RecursionError):
        return context.sessions
    state = sessions.after(_session(spec, arguments), first_text(arguments, spec.text) or "", context)
    return sessions.opened(actions, state)


def _session(spec: ToolSpec, arguments: Mapping[str, object]) -> str:
    """Return the name that a call gives its session; numbers and texts that look alike are one."""
    named = [str(arguments[key]).strip() for key in spec.session if arguments.get(key) is not None]
    return named[0] if named else sessions.OPENED


def _actions(call: ToolCall, context: Context) -> tuple[Action, ...]:
    if call.form is CallForm.HOSTED:
        return (judge_hosted(call),)
    too_much = why_unread(call.arguments)
    if too_much:
        return (unknown_action(call.name, too_much, call.arguments[:4096].decode("utf-8", "replace")),)
    return _named(call, context)


def _named(call: ToolCall, context: Context) -> tuple[Action, ...]:
    """Judge a call of an agent's tool, or of an MCP server's, by its name."""
    if call.served is not None:
        return _mcp(call, (call.served.pack or call.served.server, call.served.tool), context)
    spec = context.catalogue.tools.get(bare_name(call.name))
    if spec is None and (named := mcp_names.split(bare_name(call.name), context)) is not None:
        return _mcp(call, named, context)
    if spec is None:
        text = call.arguments[:4096].decode("utf-8", "replace")
        return (unknown_action(call.name, f"the tool {shown(call.name)} is not known", text),)
    if call.form is CallForm.TEXT:
        return _from_text(call, spec, context)
    try:
        arguments = loads_object(call.arguments or b"{}", what="arguments")
    except ProtocolError as error:
        text = call.arguments[:4096].decode("utf-8", "replace")
        return (unknown_action(call.name, f"arguments that are not understood: {error.public}", text),)
    return _from_object(call, spec, arguments, context)


def _mcp(call: ToolCall, named: tuple[str, str], context: Context) -> tuple[Action, ...]:
    """Judge the tool of an MCP server; one that a pack calls the same as an agent's own is read as that."""
    server, tool = named
    text = call.arguments.decode("utf-8", "replace")
    try:
        arguments = read_arguments(call.arguments or b"{}")
    except ProtocolError as error:
        return (unknown_action(call.name, f"arguments that are not understood: {error.public}", text[:4096]),)
    known = server_of(server, context)
    served = call.served
    is_here = served is None or served.is_here
    like = known.same.get(canonical(tool), "") if known is not None and is_here else ""
    spec = context.catalogue.tools.get(like)
    if spec is not None and not (served and served.lookups):
        return (*_from_object(call, spec, arguments, context), *_misfitting(call, text))
    path = served.is_reading and not served.lookups and served.is_here and file_of(arguments) if served else ""
    reader = context.catalogue.tools.get("Read")
    if path and reader is not None:
        return _from_object(call, reader, {"file_path": path}, context)
    # The name stands in front of the arguments, for it is among the words that decide.
    line = f"{call.name} {text}"
    drafts = judge_mcp(_mcp_call(named, arguments, served), context, line)
    if served is None or not served.lookups:
        return (*_finished(drafts, call, line), *_misfitting(call, text))
    return (*_looked_up(drafts, call, line, arguments=arguments, context=context), *_misfitting(call, text))


def _looked_up(
    drafts: list[Draft], call: ToolCall, text: str, *, arguments: Mapping[str, object], context: Context
) -> tuple[Action, ...]:
    """Return the actions of a call with what its arguments name: where it lies is not known before it is found."""
    served = call.served
    if served is None:
        return _finished(drafts, call, text)
    names = names_of(served, arguments, drafts[1:], context)
    for draft in drafts:
        draft.environment = landed(draft, served, names, context)
    return tuple(
        draft.action(call.name, text)
        if is_apart(draft, served)
        else replace(draft.action(call.name, text, things=names.things), sets=names.sets)
        for draft in drafts
    )


def _mcp_call(named: tuple[str, str], arguments: Mapping[str, object], served: Served | None) -> McpCall:
    if served is None:
        return McpCall(*named, arguments)
    return McpCall(
        *named,
        arguments,
        served.description,
        dict(served.hints),
        served.environment,
        served.is_scoped,
        served.is_reading,
        served.has_strays,
    )


def _misfitting(call: ToolCall, text: str) -> tuple[Action, ...]:
    """Return what a call is beside what it says, where its arguments do not fit what the tool declares."""
    if call.served is None or not call.served.misfit:
        return ()
    # FAIL-CLOSED: what a server does with arguments that its own declaration does not take, nobody can say.
    return (unknown_action(call.name, f"arguments that do not fit the tool: {call.served.misfit}", text[:4096]),)


def _from_text(call: ToolCall, spec: ToolSpec, context: Context) -> tuple[Action, ...]:
    try:
        text = call.arguments.decode("utf-8")
    except UnicodeDecodeError:
        return (
            unknown_action(call.name, "text that is not UTF-8", call.arguments[:4096].decode("utf-8", "replace")),
        )
    match spec.kind:
        case ToolKind.PATCH:
            return _finished(filetools.patch(text, context, start_scope(context, "")), call, text)
        case ToolKind.INPUT:
            return sessions.typed(text, sessions.known(sessions.OPENED, context), call.name, context)
        case ToolKind.SHELL:
            return _shell(call, text, context, start_scope(context, ""), language=spec.language)
        case ToolKind.CODE:
            return script_actions(call, text, context, _actions)
        case _:
            return (unknown_action(call.name, f"{shown(call.name)} with text that is not understood", text),)


def _from_object(
    call: ToolCall, spec: ToolSpec, arguments: Mapping[str, object], context: Context
) -> tuple[Action, ...]:
    if len(arguments) > MAX_ARGUMENTS:
        return (unknown_action(call.name, "more arguments than are read"),)
    strange = sorted(set(arguments) - spec.known)
    strange += [key for key in spec.text if arguments.get(key) is not None][1:]
    actions = _by_kind(call, spec, arguments, context)
    if not strange:
        return actions
    why = f"the argument {shown(strange[0])} of {shown(call.name)} is not known, or stands beside another text"
    return (*actions, unknown_action(call.name, why, one_line(", ".join(strange))))


def _by_kind(
    call: ToolCall, spec: ToolSpec, arguments: Mapping[str, object], context: Context
) -> tuple[Action, ...]:
    cwd = first_text(arguments, spec.cwd)
    if cwd is None:
        return (unknown_action(call.name, "a working directory that is no text"),)
    scope = start_scope(context, cwd)
    if spec.kind is ToolKind.CODE:
        return script_actions(call, first_text(arguments, spec.text) or "", context, _actions)
    if spec.kind in (ToolKind.SHELL, ToolKind.INPUT):
        return _shell_call(call, spec, arguments, context, scope)
    drafts, text = _read_tool(spec, arguments, context, scope)
    return _finished(drafts, call, text)


def _read_tool(
    spec: ToolSpec, arguments: Mapping[str, object], context: Context, scope: Scope
) -> tuple[list[Draft], str]:
    """Return the drafts of a tool that is no shell, and the text that their evidence points into."""
    match spec.kind:
        case ToolKind.PATCH:
            text = first_text(arguments, spec.text) or ""
            return filetools.patch(text, context, scope), text
        case ToolKind.READ | ToolKind.LIST | ToolKind.WRITE | ToolKind.EDIT:
            return filetools.touch(spec, arguments, context, scope)
        case ToolKind.FETCH | ToolKind.SEARCH:
            return filetools.fetch(spec, arguments, context)
        case ToolKind.INERT | ToolKind.AGENT:
            return [_inert(spec, context)], ""
        case _:
            text = first_text(arguments, spec.text) or ""
            return [], text


def _inert(spec: ToolSpec, context: Context) -> Draft:
    draft = Draft(
        f"agent:{spec.name}", "none:", effects={Effect.READ}, summary="changes nothing outside the conversation"
    )
    if spec.kind is ToolKind.AGENT:
        draft.summary = "starts another agent, whose own calls are judged one by one"
    draft.environment = LOCAL if context.workspace else UNRESOLVED
    draft.inside_workspace = bool(context.workspace)
    return draft


def _shell_call(
    call: ToolCall, spec: ToolSpec, arguments: Mapping[str, object], context: Context, scope: Scope
) -> tuple[Action, ...]:
    text = first_text(arguments, spec.text)
    if text is None:
        return (unknown_action(call.name, "a command that is no text"),)
    if spec.kind is ToolKind.INPUT:
        return sessions.typed(text, sessions.known(_session(spec, arguments), context), call.name, context)
    shell = arguments.get("shell")
    is_powershell = isinstance(shell, str) and _POWERSHELL.fullmatch(shell) is not None
    actions = _shell(call, text, context, scope, language="powershell" if is_powershell else spec.language)
    elevated = sorted(
        name for name in spec.elevating if arguments.get(name) not in (None, False, "", "use_default")
    )
    extra: list[Action] = []
    if shell is not None and not is_powershell and not (isinstance(shell, str) and _SHELL.fullmatch(shell)):
        extra.append(
            unknown_action(call.name, f"the shell {shown(str(shell))} is not one whose text is read", text)
        )
    if elevated:
        why = f"switches the agent's sandbox off ({shown(elevated[0])})"
        draft = Draft("agent:elevate", "none:", effects={Effect.PRIVILEGE}, summary=why)
        draft.attributes["elevated"] = True
        extra.append(draft.action(call.name, text))
    return (*actions, *extra)


def _shell(call: ToolCall, text: str, context: Context, scope: Scope, *, language: str) -> tuple[Action, ...]:
    return _finished(analyse(Source(text), context, scope, language=language), call, text)


def _finished(drafts: list[Draft], call: ToolCall, text: str) -> tuple[Action, ...]:
    if not drafts:
        return (unknown_action(call.name, "nothing that could be read", text),)
    return tuple(draft.action(call.name, text) for draft in drafts)


def start_scope(context: Context, cwd: str = "") -> Scope:
    """Return the scope that a command starts in; `cwd` is the call's own working directory, or empty."""
    base = context.cwd or context.workspace
    cwds: tuple[str, ...] = (normal(base),) if base.startswith("/") else ()
    if cwd:
        cwds = locate(cwd, cwds, context.home).paths
    variables: dict[str, str | None] = dict(context.catalogue.variables.assumed)
    if context.home:
        variables["HOME"] = context.home
    return Scope(cwds=cwds, variables=variables)
