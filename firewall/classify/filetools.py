"""Agents' own file tools, patches and page fetches: no shell in between, the path is the argument."""

import re
from collections.abc import Mapping

from firewall.classify.catalogue import ToolKind, ToolSpec
from firewall.classify.context import Context
from firewall.classify.draft import Draft, shown
from firewall.classify.http import Request, judge_http
from firewall.classify.patches import read_patch, strange_drafts, touched
from firewall.classify.rows import Verb
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word
from firewall.core.action import UNRESOLVED
from firewall.core.effect import Effect

MAX_EDITS = 2000
_VERBS = {
    ToolKind.READ: Verb.READ,
    ToolKind.LIST: Verb.LIST,
    ToolKind.WRITE: Verb.OVERWRITE,
    ToolKind.EDIT: Verb.EDIT,
}
_PHRASES = {
    Verb.READ: "reads {path}",
    Verb.LIST: "lists names below {path}",
    Verb.OVERWRITE: "writes {path}, replacing what is there",
    Verb.EDIT: "edits {path}",
    Verb.CREATE: "creates {path}",
    Verb.REMOVE: "deletes {path}",
    Verb.PLACE: "writes {path}",
    Verb.MOVE: "moves {path} away",
}
_OPERATIONS = {
    Verb.READ: "file:read",
    Verb.LIST: "file:list",
    Verb.OVERWRITE: "file:write",
    Verb.EDIT: "file:edit",
    Verb.CREATE: "file:create",
    Verb.REMOVE: "file:delete",
    Verb.PLACE: "file:write",
    Verb.MOVE: "file:move",
}


def touch(
    spec: ToolSpec, arguments: Mapping[str, object], context: Context, scope: Scope
) -> tuple[list[Draft], str]:
    """Judge a file tool by its path arguments; returns drafts and the text that evidence points into."""
    verb = _VERBS[spec.kind]
    names: list[str] = []
    for key in spec.paths:
        value = arguments.get(key)
        if isinstance(value, str):
            names.append(value)
        elif isinstance(value, list) and len(value) <= MAX_EDITS and all(isinstance(item, str) for item in value):
            names += [str(item) for item in value]
        elif value is not None:
            return [_unreadable(spec, f"the argument {shown(key)} is no path")], ""
    strange = _nested(spec, arguments, names)
    if strange:
        return [_unreadable(spec, strange)], ""
    names += _globs(spec, arguments, names)
    if not names and verb not in (Verb.LIST, Verb.READ):
        return [_unreadable(spec, f"{shown(spec.name)} without a path")], ""
    text = "\n".join(names)
    return paths_drafts([(verb, name) for name in names or ["."]], context, scope, text=text), text


_EDIT_KEYS = frozenset({"old_string", "new_string", "oldString", "newString", "replace_all", "replaceAll"})


def _nested(spec: ToolSpec, arguments: Mapping[str, object], names: list[str]) -> str:
    """Take the paths that a list of edits names of its own; returns why it cannot be read, or an empty text."""
    edits = arguments.get("edits")
    if edits is None:
        return ""
    if not isinstance(edits, list):
        return "edits that are no list"
    if len(edits) > MAX_EDITS:
        return "more edits than are read"
    for edit in edits:
        if not isinstance(edit, Mapping):
            return "an edit that is no object"
        own = {key: edit[key] for key in spec.paths if key in edit}
        if set(edit) - set(own) - _EDIT_KEYS or not all(isinstance(value, str) for value in own.values()):
            return "an edit with arguments that are not known"
        names += [str(value) for value in own.values()]
    return ""


def _globs(spec: ToolSpec, arguments: Mapping[str, object], names: list[str]) -> list[str]:
    """Return the globs that narrow a search, below the folders that it names."""
    found: list[str] = []
    for key in spec.globs:
        value = arguments.get(key)
        if isinstance(value, list) and len(value) * max(1, len(names)) > MAX_EDITS:
            return [*found, "/*"]
        globs = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        spread = [one for glob in globs if isinstance(glob, str) for one in _spread(glob)]
        found += [f"{folder}/{glob}" for glob in spread for folder in names or ["."]]
    return [glob for glob in found if "/!" not in glob]


MAX_SPREAD = 40
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def _spread(glob: str) -> list[str]:
    """Write the alternatives of a glob out (`*.{env,pem}`), as far as they are not too many."""
    found = [glob]
    while len(found) < MAX_SPREAD and (match := _BRACES.search(found[0])):
        text = found.pop(0)
        found += [f"{text[: match.start()]}{part}{text[match.end() :]}" for part in match.group(1).split(",")]
    return found[:MAX_SPREAD]


def _unreadable(spec: ToolSpec, why: str) -> Draft:
    return Draft(f"file:{spec.kind.value}", effects={Effect.UNKNOWN}, unseen=[why], summary=why)


def paths_drafts(items: list[tuple[Verb, str]], context: Context, scope: Scope, *, text: str) -> list[Draft]:
    """Judge (verb, path) pairs; evidence points at the path's first appearance in `text`."""
    drafts: list[Draft] = []
    for verb in dict.fromkeys(verb for verb, _ in items):
        found = []
        for name in dict.fromkeys(name for kind, name in items if kind is verb):
            at = text.find(name)
            span = (at, at + len(name)) if at >= 0 else (0, 0)
            is_glob = verb in (Verb.READ, Verb.LIST) and any(char in name for char in "*?")
            found.append(
                Touched(verb, Word(name, glob=is_glob, head=name, span=span), recursive=verb is Verb.LIST)
            )
        drafts += [_described(group.draft, verb, group.shown) for group in touch_drafts(found, scope, context)]
    return drafts


def _described(draft: Draft, verb: Verb, names: str) -> Draft:
    draft.operation = _OPERATIONS[verb]
    draft.summary = _PHRASES[verb].replace("{path}", names)
    if Effect.PRIVILEGE in draft.effects:
        draft.summary += "; it configures agents, hooks, shells, editors, CI, git or access"
    if Effect.SECRET in draft.effects:
        draft.summary += ", which usually holds credentials"
    if verb is Verb.OVERWRITE and draft.inside_workspace and Effect.DESTRUCTIVE in draft.effects:
        # Daily work of an agent in its own workspace; what was there is in its transcript or in git.
        draft.effects.discard(Effect.DESTRUCTIVE)
        draft.effects.add(Effect.WRITE)
        draft.undo = "the earlier content is in version control or in the agent's transcript, if it was read"
    return draft


def patch(text: str, context: Context, scope: Scope) -> list[Draft]:
    """Judge a patch (`*** Begin Patch` or a unified diff) by the files that it names."""
    read = read_patch(text)
    drafts = [_described(draft, verb, names) for verb, draft, names in touched(read, context, scope)]
    return [*drafts, *strange_drafts(read)]


_URL = re.compile(r"https?://[^\s'\"<>)\]]+")


def fetch(spec: ToolSpec, arguments: Mapping[str, object], context: Context) -> tuple[list[Draft], str]:
    """Judge a page fetch by its addresses, a web search by nothing but its words."""
    text = "\n".join(value for key in (*spec.urls, *spec.text) if isinstance(value := arguments.get(key), str))
    drafts: list[Draft] = []
    for match in list(_URL.finditer(text))[:20]:
        drafts += judge_http(Request("GET", match.group(0)), context, (match.start(), match.end()))
    if spec.kind is ToolKind.SEARCH and not drafts:
        draft = Draft(
            "web:search", "web:search", effects={Effect.READ}, summary=f"searches the web for {shown(text)}"
        )
        draft.attributes["network"] = True
        draft.environment = UNRESOLVED
        drafts.append(draft)
    if not drafts:
        drafts.append(
            Draft(
                "web:fetch",
                effects={Effect.UNKNOWN},
                unseen=["the address"],
                summary="fetches an address that cannot be read",
            )
        )
    return drafts, text
