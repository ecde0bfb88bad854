"""Open sessions of agents' tools: what runs in them, what was typed and not yet taken, and input judged with both.

A session's state is a value that the caller hands in (`Context.sessions`) and gets back (`after`). Which program
a tool's session runs is a claim, and what was typed elsewhere is not seen, so INVARIANT: input is at least
`exec`, always read as shell text by itself as well, and whatever the state says only adds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from firewall.classify import embedded
from firewall.classify.code.found import Found
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.shell.parse import parse
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.touches import Touched, does, touch_drafts, word_of
from firewall.classify.shell.walk import analyse, analyse_each
from firewall.classify.state import Session
from firewall.core.action import LOCAL, UNRESOLVED, Action
from firewall.core.effect import Effect

MAX_PENDING_CHARS = 8192
"""Typed text that is kept while it may go on; what is longer is lost, and that is said."""
MAX_TYPED_CHARS = 64 * 1024
"""Longer text is not read: it is unknown what it does, and what of it is pending."""
MAX_PROGRAMS = 8
LATER = "typed into it later"
"""Ends a line in `Action.unseen` of a call that leaves a program reading what is typed."""
OPENED = ""
"""Key of the state of sessions whose name is not known yet: what was opened."""
_SHELLS = frozenset({"ssh", "docker", "podman", "kubectl", "su", "sudo", "script", "nsenter", "chroot", "mosh"})
_SQL = frozenset(
    {"psql", "mysql", "mariadb", "sqlite3", "pgcli", "mycli", "litecli", "duckdb", "clickhouse-client"}
)
_LANGUAGES = {
    "python": "python",
    "python3": "python",
    "ipython": "python",
    "node": "javascript",
    "nodejs": "javascript",
    "deno": "javascript",
    "bun": "javascript",
    "pwsh": "powershell",
    "powershell": "powershell",
}
_PASTED = re.compile(r"\x1b\[20[01]~")
_ERASED = re.compile(r"[^\n][\x08\x7f]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OPEN_BLOCK = re.compile(r"(?:^|\n)(?:[ \t]+\S[^\n]*|[^\n]*:[ \t]*)\n$")


def typed(text: str, session: Session, tool: str, context: Context) -> tuple[Action, ...]:
    """Return the actions of text typed into an open session, judged with what is pending there."""
    if not text:
        return (
            _plain("session:poll", {Effect.READ}, "reads what an open session has written", context, tool, text),
        )
    if text in ("\x03", "\x1a"):
        return (
            _plain(
                "session:input", {Effect.WRITE}, "interrupts what runs in an open session", context, tool, text
            ),
        )
    joined = session.pending + text
    draft = Draft("session:input", "unknown:", effects={Effect.EXEC})
    draft.summary = f"types {shown(joined)} into an open session"
    draft.unseen.append("what the session runs and already holds")
    draft.point((len(session.pending), len(joined)), "typed into an open session")
    if len(joined) > MAX_TYPED_CHARS:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append("text that is too long to read")
        return (draft.action(tool, joined),)
    if session.lost or _CONTROL.search(_PASTED.sub("", joined)):
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append(
            "what keys that edit the line make of it" if not session.lost else "what was typed before"
        )
    drafts = [draft, *_read(joined, session.programs, context)]
    if session.pending:
        drafts += [replace_base(item, len(session.pending)) for item in _read(text, (), context)]
    return tuple(item.action(tool, joined) for item in drafts)


def replace_base(draft: Draft, offset: int) -> Draft:
    """Return a draft of the last part of a text with its evidence moved to where that part stands."""
    draft.evidence = [replace(item, start=item.start + offset, end=item.end + offset) for item in draft.evidence]
    return draft


def _plain(operation: str, effects: set[Effect], summary: str, context: Context, tool: str, text: str) -> Action:
    draft = Draft(
        operation, "none:" if operation == "session:poll" else "unknown:", effects=effects, summary=summary
    )
    draft.environment, draft.inside_workspace = (LOCAL, True) if context.workspace else (UNRESOLVED, False)
    draft.point((0, len(text)), summary)
    return draft.action(tool, text)


def _read(text: str, programs: Sequence[str], context: Context) -> list[Draft]:
    """Read typed text as shell text, and in the language of every program that may take it."""
    lines = _keys(text)
    drafts = analyse(Source(lines), context, Scope(cwds=()))
    for language in dict.fromkeys(language_of(program) for program in programs):
        if language == "powershell":
            drafts += analyse(Source(lines), context, Scope(cwds=()), language=language)
        elif language not in ("", "shell"):
            found = embedded.read(Source(lines), language, language, context, ())
            drafts += [*found.drafts, *_touched(found, context)]
            drafts += analyse_each(found.shell, context, Scope(cwds=()))
    return drafts


def _touched(found: Found, context: Context) -> list[Draft]:
    """Return drafts for the files that typed code touches; where it runs is not known."""
    drafts: list[Draft] = []
    for verb in dict.fromkeys(touch.verb for touch in found.touches):
        words = [Touched(verb, word_of(touch), touch.recursive) for touch in found.touches if touch.verb is verb]
        for group in touch_drafts(words, Scope(cwds=()), context):
            group.draft.operation = "code:inline"
            group.draft.summary = f"runs code that {does(verb, group.shown)}"
            drafts.append(group.draft)
    return drafts


def _keys(text: str) -> str:
    """Return what a terminal makes of typed text, in as many characters: Enter, erased letters, other keys."""
    text = _PASTED.sub(lambda match: " " * len(match.group()), text).replace("\r", "\n")
    for _ in range(64):
        erased = _ERASED.sub("", text)
        if erased == text:
            break
        text = erased
    return _CONTROL.sub(" ", text)


def language_of(program: str) -> str:
    """Return the language that a program's prompt takes; empty: not known."""
    name = program.rpartition("/")[2]
    if name in _SQL:
        return "sql"
    return _LANGUAGES.get(name, "shell" if name in _SHELLS or name.endswith("sh") else "")


def after(key: str, text: str, context: Context) -> dict[str, Session]:
    """Return the sessions once text was typed into one of them (and nothing else happened)."""
    session = known(key, context)
    if text in ("", "\x1a"):
        return dict(context.sessions)
    joined = "" if text == "\x03" else session.pending + text
    if len(joined) > MAX_TYPED_CHARS:
        return {**context.sessions, key: Session(session.programs, joined[-MAX_PENDING_CHARS:], lost=True)}
    pending = "" if not joined else _pending(_keys(joined), joined, session.programs)
    lost = len(pending) > MAX_PENDING_CHARS
    return {**context.sessions, key: Session(session.programs, pending[-MAX_PENDING_CHARS:], lost=lost)}


def _pending(lines: str, joined: str, programs: Sequence[str]) -> str:
    """Return the end of typed text that may go on: an unfinished line, statement, block or quotation."""
    languages = {language_of(program) for program in programs}
    starts = [lines.rfind("\n") + 1]
    shell = parse(Source(lines))
    if shell is None or shell.root.has_error or re.search(r"(?:\\|&&|\|\|?)\n$", lines):
        starts.append(0)
    if "sql" in languages:
        starts.append(lines.rfind(";") + 1 if lines[lines.rfind(";") + 1 :].strip() else len(lines))
    if "python" in languages and _OPEN_BLOCK.search(lines):
        starts.append(0)
    if "javascript" in languages and any(lines.count(a) > lines.count(b) for a, b in ("()", "{}", "[]")):
        starts.append(0)
    start = min(starts)
    return joined[start:] if len(joined) == len(lines) or not start else joined


def lost(sessions: Mapping[str, Session]) -> dict[str, Session]:
    """Return the sessions once a script typed into some of them: what exactly is pending is not followed."""
    return {key: replace(session, lost=True) for key, session in {OPENED: Session(), **sessions}.items()}


def known(key: str, context: Context) -> Session:
    """Return what is known of a session: of one that was not typed into yet, what may run in it."""
    found = context.sessions.get(key)
    if found is not None:
        opened = context.sessions.get(OPENED)
        programs = (*found.programs, *(opened.programs if opened is not None and key != OPENED else ()))
        return replace(found, programs=tuple(dict.fromkeys(programs))[:MAX_PROGRAMS])
    return context.sessions.get(OPENED, Session())


def opened(actions: Sequence[Action], sessions: Mapping[str, Session]) -> dict[str, Session]:
    """Return the sessions once a call ran that may have left programs reading what is typed."""
    names = [
        action.reach.programs[0].split(" ", 1)[0]
        for action in actions
        if action.reach.programs and any(note.endswith(LATER) for note in action.unseen)
    ]
    if not names:
        return dict(sessions)
    before = sessions.get(OPENED, Session())
    programs = tuple(dict.fromkeys((*names, *before.programs)))[:MAX_PROGRAMS]
    return {**sessions, OPENED: replace(before, programs=programs)}
