"""What an MCP tool's name and description say that it does: verbs by position, then what the text admits.

Both are somebody else's words. INVARIANT: a description only ever adds to what the name says, and a name is
believed only where the caller trusts its server (see `firewall.classify.mcp.calls`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from firewall.core.effect import Effect

MAX_NAME_CHARS = 200
MAX_DESCRIPTION_CHARS = 4000
_MOST_NAMES, _MOST_DESCRIPTIONS = 2048, 256
"""Whose words are remembered, each cut to its bound: agents call the same tools again and again."""
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_READS = frozenset(
    {
        "get", "list", "describe", "show", "find", "search", "fetch", "read", "view", "count", "explain",
        "analyze", "analyse", "inspect", "preview", "validate", "verify", "estimate", "compare",
        "summarize", "browse", "discover", "retrieve", "lookup", "diff", "ping", "introspect", "enumerate",
        "locate", "recommend", "suggest", "detect", "troubleshoot", "diagnose", "calculate", "poll", "wait",
        "whoami", "check", "query", "aggregate", "simulate", "observe", "trace", "tail",
        "resolve_library_id", "see", "returns", "return", "provides", "provide", "display", "interpret",
        "identify", "determine", "gather", "collect", "examine", "evaluate", "scan", "translate", "predict",
        "learn", "recognize", "test", "plan", "sample",
    }
)  # fmt: skip
_READ_NOUNS = frozenset(
    {
        "schema", "indexes", "stats", "status", "logs", "log", "top", "details", "info", "summary",
        "health", "history", "metrics", "events", "docs", "documentation", "size", "help", "metadata",
        "usage", "report", "versions", "limits",
    }
)  # fmt: skip
"""What a name without any verb asks for (`pods_log`, `collection-schema`)."""
_WRITES = frozenset(
    {
        "create", "add", "update", "set", "put", "post", "send", "upload", "edit", "modify", "change",
        "write", "insert", "upsert", "append", "attach", "assign", "unassign", "apply", "configure",
        "enable", "register", "rename", "move", "copy", "clone", "fork", "merge", "push", "commit",
        "publish", "submit", "approve", "reject", "reply", "mark", "unmark", "resume", "start", "trigger",
        "rerun", "retry", "import", "link", "connect", "disconnect", "switch", "load", "install", "deploy",
        "promote", "provision", "open", "close", "reopen", "lock", "unlock", "acknowledge", "pin", "unpin",
        "star", "unstar", "dismiss", "request", "save", "store", "sync", "resync", "refresh", "reindex",
        "finalize", "finish", "complete", "end", "capture", "charge", "refund", "transfer", "manage",
        "patch", "activate", "deactivate", "subscribe", "unsubscribe", "invite", "schedule", "generate",
        "synthesize", "protect", "undelete", "reprioritize", "resize", "upgrade", "migrate", "convert",
        "prepare", "prioritize", "archive", "unarchive", "assess", "perform", "make", "establish", "setup",
        "init", "initialize", "batch", "process", "record", "allow", "unlink", "swap", "adjust", "extend",
        "associate", "toggle", "run", "restore", "inquire", "download", "reprotect", "resolve", "bind",
        "investigate", "design", "ask", "call", "queue", "rebase", "confirm", "notify", "comment", "label",
        "annotate",
    }
)  # fmt: skip
_DISRUPTS = frozenset(
    {
        "stop", "restart", "reboot", "shutdown", "pause", "suspend", "drain", "cordon", "deallocate",
        "cancel", "abort", "interrupt", "failover", "evict", "kill", "disable", "scale",
    }
)  # fmt: skip
_DESTROYS = frozenset(
    {
        "delete", "remove", "drop", "purge", "destroy", "erase", "wipe", "truncate", "uninstall",
        "unregister", "deregister", "terminate", "deprovision", "flush", "prune", "clear", "reset",
        "revert", "rollback", "overwrite", "discard", "expunge", "teardown", "obliterate", "nuke",
        "decommission", "revoke", "restore",
    }
)  # fmt: skip
_RUNS = frozenset({"exec", "execute", "eval", "shell", "invoke"})
_NOUNS_TOO = frozenset(
    {
        "search", "query", "log", "trace", "load", "run", "request", "import", "lock", "link", "copy",
        "schedule", "start", "end", "diff", "fork", "commit", "merge", "patch", "set", "check", "scale",
        "report", "star", "batch", "process", "store", "restore", "view", "count", "scan", "setup",
        "change", "shell", "manage", "record", "post", "close", "open", "archive", "drain", "complete",
        "resume", "save", "switch", "deploy", "read", "transfer", "upgrade", "refund", "test", "plan",
        "sample", "design", "queue", "comment", "label", "call", "charge", "capture", "pause", "estimate",
        "failover", "generate", "learn",
    }
)  # fmt: skip
"""Verbs that also name things (`run_get`, `import_job_delete`): they decide only where no other does."""
_PRIVILEGED = re.compile(
    r"\b(?:roles?|permissions?|acls?|access (?:list|polic|control|key|role)\w*|collaborators?|members?(?:hips?)?"
    r"|invitations?|users?|api ?keys?|tokens?|credentials?|ssh ?keys?|firewall|rulesets?|branch protection"
    r"|private ?endpoints?|peconnection|network acl|visibility|iam|rbac|grants?|certificates?|mua|mcp|hooks?"
    r"|deploy keys?"
    r"|service accounts?|team)\b"
)
_NO_RIGHTS = re.compile(r"\b(?:user (?:data|note|message|id|input|s?elect)|comment|annotation|incident|prompt)\b")
_SECRETS = re.compile(
    r"\b(?:secrets?|passwords?|credentials?|connection strings?|kubeconfig|api keys?|anon key|private keys?"
    r"|access keys?|tokens?|publishable keys?|app ?settings|configuration view)\b"
)
_NO_SECRETS = re.compile(
    r"\b(?:secret scanning|token (?:usage|count|s? ?per)|secrets? (?:alerts?|scanning)|max tokens)\b"
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the words of a tool say."""

    effects: frozenset[Effect]
    """Empty: no verb that is known."""
    why: str = ""
    """The word that decided, or the part of the description."""


_JOINED = re.compile(
    r"(?P<verb>create|update|delete|validate|check|remove|get|list|add|start|stop|run)(?P<or>or(?P<other>create|update|delete|replace))?"
    r"(?P<rest>for\w+|readiness|guidance|status|all)?"
)


def tokens(name: str) -> tuple[str, ...]:
    """Split `sql_server_delete`, `drop-collection`, `volumeDelete`, `createorupdate` into lower-case words."""
    return _tokens(name[:MAX_NAME_CHARS])


@lru_cache(maxsize=_MOST_NAMES)
def _tokens(name: str) -> tuple[str, ...]:
    found: list[str] = []
    for token in _TOKEN.findall(name):
        word = token.lower()
        joined = None if _is_verb(word) else _JOINED.fullmatch(word)
        if joined is not None:
            found += [part for part in (joined.group("verb"), joined.group("other"), joined.group("rest")) if part]
        else:
            found.append(word)
    return tuple(found)


def of_name(name: str) -> Said:
    """Return what a tool's name says.

    A verb that only acts decides before one that also names a thing; a name that begins with a reading verb
    reads (`list_deleted_items`); one that ends in a reading verb reads unless another acts before it
    (`access_list`); the strictest of several acting verbs counts (`create_or_delete`).
    """
    return _of_name(name[:MAX_NAME_CHARS])


@lru_cache(maxsize=_MOST_NAMES)
def _of_name(name: str) -> Said:
    words = tokens(name)
    if not words:
        return Said(frozenset())
    plain = tuple(word for word in words if word not in _NOUNS_TOO and _is_verb(word))
    ends = plain[:1] == words[:1], plain[-1:] == words[-1:]
    if ends[0] and plain[0] in _READS:
        return _read(name, plain[0])
    if not ends[0] and ends[1] and plain[-1] in _READS and words[-1] != "list":
        return _read(name, plain[-1])
    verbs = tuple(word for word in plain if word not in _READS) or plain or _doubtful(words)
    if not verbs:
        noun = next((word for word in words if word in _READ_NOUNS), "")
        return _read(name, noun) if noun else Said(frozenset())
    if all(word in _READS for word in verbs):
        return _read(name, verbs[0])
    return _acts(name, verbs)


def _doubtful(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the verb among words that also name things: the first of all, else the last, else any."""
    verbs = tuple(word for word in words if _is_verb(word))
    first = tuple(word for word in words[:1] if _is_verb(word))
    return first or verbs[-1:]


def _is_verb(word: str) -> bool:
    return word in _READS or word in _WRITES or word in _DISRUPTS or word in _DESTROYS or word in _RUNS


def _spaced(name: str) -> str:
    return " ".join(tokens(name))


def _read(name: str, word: str) -> Said:
    text = _spaced(name)
    shows = _SECRETS.search(text) is not None and _NO_SECRETS.search(text) is None
    lists = "list" in tokens(name) and re.search(r"\bkeys?\b", text) is None
    return Said(frozenset({Effect.SECRET if shows and not lists else Effect.READ}), word)


_ASKS = frozenset({"query", "queries"})
_MADE_AGAIN = frozenset({"cache", "caches", "filter", "filters", "selection", "view", "undelete"})


def rebuilds(name: str) -> bool:
    """Tell whether a name speaks of what can be made again: a cache, a filter, a view."""
    return bool(_MADE_AGAIN.intersection(tokens(name)))


def _acts(name: str, verbs: Sequence[str]) -> Said:
    found: set[Effect] = set()
    if rebuilds(name):
        return Said(frozenset({Effect.WRITE}), verbs[0])
    if set(verbs) <= _RUNS and _ASKS.intersection(tokens(name)):
        return Said(frozenset({Effect.READ}), verbs[0])
    for effect, known in (
        (Effect.DESTRUCTIVE, _DESTROYS),
        (Effect.DISRUPTIVE, _DISRUPTS),
        (Effect.EXEC, _RUNS),
    ):
        if any(verb in known for verb in verbs):
            found.add(effect)
    if not found or any(verb in _WRITES and verb not in _DESTROYS for verb in verbs):
        found.add(Effect.WRITE)
    text = _spaced(name)
    if _PRIVILEGED.search(text) and not _NO_RIGHTS.search(text):
        found.add(Effect.PRIVILEGE)
    if Effect.DESTRUCTIVE in found or Effect.PRIVILEGE in found:
        found.discard(Effect.WRITE)
    return Said(frozenset(found), verbs[0])


_LEAD_IN = re.compile(
    r"^(?:(?:this|the)\s+(?:tool|command|operation)\s+(?:will|can|lets you|allows you to|is used to)?\s*"
    r"|use\s+this(?:\s+(?:tool|command))?\s+(?:to|for)\s+|(?:lets|allows) (?:you|users?) to\s+|tool (?:to|for)\s+"
    r"|safely\s+|permanently\s+|asynchronously\s+|synchronously\s+|irreversibly\s+)+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s|\n")
_DOES_NOT_END = re.compile(r"\b(?:non|not|never|isn't|is not)[ -](?:\w+ )?$", re.IGNORECASE)
_FOR_EVER = re.compile(
    r"\bpermanently\b|\birreversibl\w*"
    r"|\b(?:cannot|can not|can't|can never) be (?:undone|reversed|recovered|restored|resumed)\b"
    r"|\bdestructive\b|\bdata loss\b|\bno undo\b|\bresets? (?:a|the) branch\b|\ball (?:its|their) data\b",
    re.IGNORECASE,
)
_ALSO_DELETES = re.compile(
    r"\b(?:creat|add|upda|edit|modif|manag|replac|upsert|run|patch|ignor|watch|enabl|list|renam|writ|trigger|submit|inclu|configur"
    r"|attach)\w*\b[^.:!?\n]{0,160}?(?:,|/|\band\b|\bor\b)\s*(?:then |also |permanently |\(|/)?"
    r"(?:dele(?:te|tes|ting)|remov(?:e|es|ing)|drop(?:s|ping)?|purg(?:e|es|ing)|destroy(?:s|ing)?)\b"
    r"|(?:^|\n|\s)(?:[-*\u2022]|\d+\.)\s*['\"`]?(?:delete|remove|drop|purge)\w*['\"`]?\s*(?::|-|\u2014)"
    r"|\b(?:supports?|including|includes?|operations?)\b[^.!?\n]{0,160}?\b(?:dele(?:te|ting)|remov(?:e|ing)|dropping|purging)\b",
    re.IGNORECASE,
)
_GUARDS = (
    r"(?:soft[- ]dele\w*|immutabilit\w*|multi-user authorization|\bmua\b|dele(?:te|tion) protection|versioning)"
)
_PROTECTION = rf"(?:{_GUARDS}|backups?\b|point-in-time)"
_WEAKENS = re.compile(
    r"\b(?:disab\w+|turn(?:s|ing)? off|stop(?:s|ping)?|remov\w+|linking or unlinking|omit\b[^.]{0,60}to disable)"
    rf"[^.]{{0,40}}{_PROTECTION}",
    re.IGNORECASE,
)
_SETTLES = re.compile(rf"\b(?:configur|upda|modif|set|chang)\w*\b[^.]{{0,120}}{_GUARDS}", re.IGNORECASE)
_ONE_WAY = re.compile(r"\b(?:cannot be (?:disabled|turned off)|enables?\b[^.]{0,30}restore)", re.IGNORECASE)


def lead_of(description: str) -> str:
    """Return the first sentence, without what stands before its verb."""
    text = description[:MAX_DESCRIPTION_CHARS].strip()
    return _LEAD_IN.sub("", _SENTENCE.split(text, maxsplit=1)[0].strip())


def _lemma(word: str) -> str:
    """Return the plain form of `Deletes`, `Deleting`, `Retrieves`, `Queries`."""
    word = word.lower()
    for ending, instead in (("ies", "y"), ("ing", ""), ("ing", "e"), ("es", ""), ("s", "")):
        stem = word.removesuffix(ending) + instead
        if word.endswith(ending) and _is_verb(stem):
            return stem
    return word


def of_description(description: str) -> Said:
    """Return what the first words of a description say; empty when they hold no verb that is known."""
    return _of_description(description[:MAX_DESCRIPTION_CHARS])


@lru_cache(maxsize=_MOST_DESCRIPTIONS)
def _of_description(description: str) -> Said:
    lead = lead_of(description)
    words = re.findall(r"[A-Za-z]+", lead)[:12]
    verbs: list[str] = []
    for word in words:
        verb = _lemma(word)
        if not _is_verb(verb):
            if word.lower() in ("or", "and", "a", "an") and verbs:
                continue
            break
        verbs.append(verb)
    acting = [verb for verb in verbs if verb not in _READS]
    if not verbs:
        return Said(frozenset())
    return _acts("", acting) if acting else Said(frozenset({Effect.READ}), verbs[0])


_WRAPPED = re.compile(r"\n(?!\s*(?:[-*\u2022]|\d+\.|\n))")
"""The end of a line within a sentence."""


def admits_loss(description: str) -> str:
    """Return the words with which a description of a tool that changes something admits that it destroys.

    Three kinds: the loss is called permanent, deleting is among several operations, or a protection (backups,
    soft delete, immutability) can be switched off with it.
    """
    return _admits_loss(description[:MAX_DESCRIPTION_CHARS])


@lru_cache(maxsize=_MOST_DESCRIPTIONS)
def _admits_loss(description: str) -> str:
    text = _WRAPPED.sub(" ", description)
    for match in _FOR_EVER.finditer(text):
        if not _DOES_NOT_END.search(text[: match.start()][-24:]):
            return match.group(0)
    for match in _ALSO_DELETES.finditer(text):
        said = match.group(0)
        if not re.search(
            r"\b(?:without|not|never|n't|use|tool|soft|if|to)\s+\S*$", said.rpartition(" ")[0] + " ", re.IGNORECASE
        ):
            return said[-60:]
    if _ONE_WAY.search(text):
        return ""
    weakens = _WEAKENS.search(text) or _SETTLES.search(text)
    return weakens.group(0) if weakens is not None else ""
