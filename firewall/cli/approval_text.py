"""One approval as a person reads it in a terminal: the words and the marks of its page, and how to answer.

Pure. Every string came from a call or an agent: `visible` spells out what a terminal would obey.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from firewall.approvals.text import visible
from firewall.cli.underlined import underlined
from firewall.console.words import CONFIDENCE_WORDS, EFFECT_WORDS, scope_words, undo_words
from firewall.core.action import Evidence
from firewall.core.approval import PERMITTED
from firewall.core.effect import Effect, severity

Json = Mapping[str, object]
_SEVERITY = {effect.value: severity(effect) for effect in Effect}


def as_text(row: Json, *, width: int = 0) -> list[str]:
    """Return the lines of `approvals show` for the server's answer; `width` as in `underlined`."""
    actions = sorted(_with_texts(_tables(row.get("actions"))), key=_rank, reverse=True)
    lines = [_words(row, "summary"), *_written(row), "", *_fields(_course(row))]
    lines += [line for one in _tables(row.get("moved")) for line in ("", _moved(one))]
    for text, spans in _texts(actions).items():
        lines += ["", *underlined(text, spans, width=width)]
    if not actions and row.get("arguments"):
        lines += ["", visible(_plain(row, "arguments"))]
    for number, action in enumerate(actions, 1):
        lines += ["", f"{number}. {_words(action, 'summary')}", *_fields(_facts(action))]
    lines += [line for one in _list(row.get("first")) for line in ("", f"it could be taken back: {visible(one)}")]
    for run in _tables(row.get("runs")):
        said = " ".join(_plain(run, name) for name in ("words", "note") if run.get(name))
        lines += ["", f"what was to be done ({_plain(run, 'form')}): {visible(said)}"]
    if row.get("said"):
        lines += ["", f"the agent says (not verified): {_words(row, 'said')}"]
    return [*lines, *_beside(row), *_answers(row)]


def conversation_text(row: Json) -> list[str]:
    """Return the lines of `approvals conversation` for the server's answer."""
    turns = _tables(row.get("turns"))
    if row.get("state") != "shown":
        return ["what led to this can no longer be opened: its key was erased"]
    lines = ["Untrusted: written by an agent, and by what it read.", _words(row, "source")]
    if row.get("earlier"):
        lines.append(f"{row['earlier']} earlier messages are not kept.")
    for turn in turns:
        lines += ["", f"--- message {_plain(turn, 'number')}, from {_words(turn, 'role')}"]
        if turn.get("left_out"):
            lines.append(f"({_plain(turn, 'left_out')} parts before these are not kept)")
        for piece in _tables(turn.get("pieces")):
            cut = f"({_words(piece, 'left_out')})" if piece.get("left_out") else ""
            said = [visible(_plain(piece, "head")), cut, visible(_plain(piece, "tail"))]
            body = "\n".join(one for one in said if one)
            lines += [f"  [{_words(piece, 'label')}]", *(f"  | {line}" for line in body.split("\n"))]
    if row.get("hidden"):
        lines += ["", f"{row['hidden']} hidden characters were spelled out."]
    if row.get("look_alikes"):
        lines += [
            "",
            f"letters that may look like others: {visible(', '.join(_list(row['look_alikes'])), keep='')}",
        ]
    return lines


def _written(row: Json) -> Iterator[str]:
    """Say whose words a form is, and what would be in a denied call's place."""
    if row.get("edited"):
        yield f"an approver wrote this in place of {_words(row, 'edited')}; nobody has approved it by that"
    if instead := _plain(row, "instead"):
        yield "another form is wanted in its place" + (
            ", which the policy permits" if instead == PERMITTED else f": {visible(instead, keep='')}"
        )


def _moved(one: Json) -> str:
    was, now = _words(one, "before"), _words(one, "now")
    return f"since this was asked before, {_words(one, 'what')} has changed: {was} then, {now} now"


def _beside(row: Json) -> Iterator[str]:
    """Say how it differs from the last of its kind, and what else stands beside it."""
    other = row.get("compared")
    if isinstance(other, Mapping):
        told = f"{_words(other, 'id')}, {_words(other, 'status')}, asked at {_words(other, 'opened_at')}"
        yield ""
        yield f"beside the last request of this kind ({told}):"
        changes = _tables(other.get("changes"))
        yield from (
            f"   {_words(one, 'what')}: {_words(one, 'before')} -> {_words(one, 'now')}" for one in changes
        )
        yield from (f"   + {visible(one, keep='')}" for one in _list(other.get("only_now")))
        yield from (f"   - {visible(one, keep='')}" for one in _list(other.get("only_then")))
        if other.get("more_lines"):
            yield f"   {other['more_lines']} more lines differ"
        elif not (changes or _list(other.get("only_now")) or _list(other.get("only_then"))):
            yield "   nothing that is shown differs"
    alike = row.get("alike")
    if isinstance(alike, Mapping):
        yield ""
        yield f"{alike['waiting']} of this kind wait, and can be answered at once: {_words(alike, 'address')}"
    if row.get("conversation") == "offered":
        yield ""
        yield f"what led to it: stayhand approvals conversation {_words(row, 'id')}"


def _course(row: Json) -> Iterator[tuple[str, str]]:
    status, until = _plain(row, "status"), _plain(row, "expires_at")
    decided = " ".join(part for part in (_decider(row), _plain(row, "decided_at")) if part)
    yield (
        "status",
        f"waiting for an answer until {until}{_left(row)}"
        if status == "pending"
        else f"{status} {decided}".strip(),
    )
    reviewed = _plain(row, "review")
    glass = "approved by one person alone" + (f"; review: {reviewed}" if reviewed else "")
    yield "break-glass", glass if row.get("glass") else ""
    yield "votes", _plain(row, "standing")
    uses = row.get("uses")
    permitted = isinstance(uses, int) and uses > 1
    for vote in _tables(row.get("given")):
        yield "vote", _vote(vote)
    yield "permit", f"{row.get('used')} of {uses} uses, until {_plain(row, 'use_before')}" if permitted else ""
    yield "shown", "each who approves shows a passkey" if row.get("auth") == "passkey" else ""
    yield "reason", _plain(row, "reason")
    yield "environment", _plain(row, "environment")
    yield "effects", ", ".join(f"{one} ({EFFECT_WORDS.get(one, 'unknown')})" for one in _list(row.get("effects")))
    yield "asked by", " for ".join(part for part in (_plain(row, "agent"), _plain(row, "owner")) if part)
    yield "session", _plain(row, "session")
    yield "run", _plain(row, "token")
    yield "tool", _plain(row, "tool")
    yield "workspace", _plain(row, "workspace")
    for asks in _list(row.get("rows")) or [_plain(row, "row")]:
        yield "row", asks
    yield "group", _plain(row, "group")
    yield "page", _plain(row, "address")
    for one in _tables(row.get("channels")):
        yield "not told", _trouble(one)


def _decider(row: Json) -> str:
    return _plain(row, "decided_by_name") or _plain(row, "decided_by")


def _vote(vote: Json) -> str:
    word = "agreed" if vote.get("decision") == "approve" else "denied"
    said = (_plain(vote, "name") or _plain(vote, "voter"), word, _plain(vote, "at"))
    return f"{' '.join(said)}, proven by {_plain(vote, 'auth')}"


def _trouble(one: Json) -> str:
    what = {"waits": "that it waits", "seen": "that somebody reads it", "over": "how it ended"}
    again_at, tries = _plain(one, "again_at"), one.get("tries")
    tried = f" after {tries} {'try' if tries == 1 else 'tries'}" if tries else ""
    then = f"tried again at {again_at}" if again_at else "given up"
    by = f"{what.get(_plain(one, 'about'), '')} by {_plain(one, 'channel')}"
    return f"{by}: {_plain(one, 'failure')}{tried}, {then}"


def _left(row: Json) -> str:
    left_s = row.get("left_s")
    if not isinstance(left_s, int):
        return ""
    return f" ({left_s // 60} min left)" if left_s >= 120 else f" ({left_s} s left)"


def _facts(action: Json) -> Iterator[tuple[str, str]]:
    yield "resource", _plain(action, "resource")
    where = scope_words(_plain(action, "scope"), _plain(action, "resource"), _plain(action, "environment"))
    yield "environment", _plain(action, "environment") + (f" ({where})" if where else "")
    yield "effects", ", ".join(_list(action.get("effects")))
    yield "undo", undo_words(_plain(action, "undo"), _plain(action, "reversal"))[0]
    for found in _tables(action.get("found")):
        yield _plain(found, "label").lower(), _words(found, "words")
    yield "how sure", CONFIDENCE_WORDS.get(_plain(action, "confidence"), "")
    yield "not seen", "; ".join(_list(action.get("unseen")))


def _fields(found: Iterator[tuple[str, str]]) -> list[str]:
    return [f"   {name:<12}{visible(value, keep='')}" for name, value in found if value]


def _answers(row: Json) -> list[str]:
    """Return how to answer; nothing where the answer was given, the reason where somebody else must."""
    if row.get("status") != "pending":
        return []
    if not row.get("may_decide", True):
        return ["", f"you cannot answer this: {_words(row, 'refusal')}"]
    name, deny = _words(row, "id"), [f"stayhand approvals deny {_words(row, 'id')} --reason '…'"]
    if row.get("edit"):
        deny.append(f"stayhand approvals edit {name} --text '…'")
    if not row.get("may_approve", True):
        return ["", f"you cannot approve this now: {_words(row, 'approve_refusal_words')}", "", *deny]
    typed = f" --typed {shlex.quote(_words(row, 'typed'))}" if row.get("typed") else ""
    runnable = [number for number, one in enumerate(_tables(row.get("forms")), 1) if one.get("can_run")]
    firsts = [
        f"stayhand approvals approve {name}{typed} --first{'' if one == 1 else f' --form {one}'}"
        for one in runnable
    ]
    return ["", f"stayhand approvals approve {name}{typed}", *firsts, *deny]


def _with_texts(actions: Sequence[Json]) -> Iterator[Json]:
    """Give each action its text, also where it stands with an earlier one alone."""
    for action in actions:
        number = action.get("text_of")
        if isinstance(number, int) and 0 <= number < len(actions):
            yield {**action, "text": _plain(actions[number], "text")}
        else:
            yield action


def _texts(actions: Sequence[Json]) -> dict[str, list[Evidence]]:
    found: dict[str, list[Evidence]] = {}
    for action in actions:
        text = _plain(action, "text")
        if text:
            found.setdefault(text, []).extend(_span(one) for one in _tables(action.get("evidence")))
    return found


def _span(one: Json) -> Evidence:
    start, end = one.get("start"), one.get("end")
    return Evidence(
        start if isinstance(start, int) else 0, end if isinstance(end, int) else 0, _plain(one, "note")
    )


def _rank(action: Json) -> int:
    return max((_SEVERITY.get(one, 0) for one in _list(action.get("effects"))), default=0)


def _tables(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _list(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _plain(row: Json, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _words(row: Json, name: str) -> str:
    return visible(_plain(row, name), keep="")
