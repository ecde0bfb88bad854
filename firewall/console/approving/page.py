"""What the page of an approval says (`parts`), worked out before a template is asked. Pure.

Order on the page: what will happen, where, to what, whether it can be undone; the intercepted text; effects, row
and requester; what the agent says comes last and is never trusted. Every string that came from a call or an
agent is spelled out by `spell_out` here, and escaped by the template.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from firewall.approvals.typed import equals_of, name_of, worst_first
from firewall.console.approving.card import headline, short, time_left
from firewall.console.approving.parts import Asker, Course, FormLine, Given, Head, Item, Page, RunLine, Votes
from firewall.console.approving.texts import texts_shown
from firewall.console.marked import MOST_BYTES, show, spell_out
from firewall.console.shape import Standing, rfc3339, status_of
from firewall.console.words import (
    CONFIDENCE_WORDS,
    EFFECT_WORDS,
    RUN_WORDS,
    STATUS_WORDS,
    scope_words,
    undo_words,
)
from firewall.core.action import Reversal
from firewall.core.approval import (
    LOST,
    NONE,
    RESTORE,
    ActionView,
    Approval,
    ApprovalStatus,
    Form,
    FormState,
    Subject,
)

SAID_CHARS = 2_000
"""How much of an agent's own words is shown."""
_RESOURCE_CHARS = 160
_SESSION_CHARS = 8
UNKNOWN_POINT = "not known"
"""Said of what is lost where no resolver looked for a restore point."""


ERASED = "[erased]"
"""Stands where something was sealed under a key that is gone."""
_GONE = Subject(ERASED, "", (), ERASED, ERASED, "", "", "", "")


def page(
    approval: Approval,
    *,
    now_us: int,
    standing: Standing,
    decided_by: str,
    production: frozenset[str],
    most: int = MOST_BYTES,
) -> Page:
    """Work out the page of one approval; its texts take `most` bytes of it."""
    refusal = standing.refusal
    subject = approval.subject or _GONE
    actions = worst_first(subject.actions)
    texts, raw, unseen = texts_shown(subject, most)
    return Page(
        id=approval.id,
        digest=approval.digest,
        environment=spell_out(approval.environment),
        is_production=approval.environment.casefold() in production,
        head=_head(actions, subject),
        effects=tuple((effect, EFFECT_WORDS.get(effect, "")) for effect in approval.effects),
        texts=texts,
        raw=raw,
        unseen=unseen,
        items=tuple(_item(view) for view in actions),
        asker=_asker(subject, approval),
        course=_course(approval, now_us, decided_by),
        refusal=refusal.public if refusal else "",
        refusal_code=refusal.code if refusal else "",
        votes=_votes(approval, standing),
    )


def _votes(approval: Approval, standing: Standing) -> Votes:
    barred, asked = standing.not_approving, approval.obligations
    is_shown = bool(asked.demands) and approval.status is ApprovalStatus.PENDING
    return Votes(
        standing=standing.tally.words if is_shown else "",
        given=tuple(
            Given(standing.names.get(vote.voter, ""), vote.decision.value, rfc3339(vote.at), vote.auth)
            for vote in approval.votes
        ),
        not_approving=barred.public if barred else "",
        not_approving_code=barred.code if barred else "",
        typed=spell_out(name_of(approval)) if asked.typed else "",
        typed_of=equals_of(approval) if asked.typed else 0,
        can_permit=not standing.no_permit and barred is None,
        is_of_one=standing.tally.asked == 1,
    )


def _head(actions: Sequence[ActionView], subject: Subject) -> Head:
    first = actions[0] if actions else None
    names = show(" ".join(f"{one.summary} {one.resource} {one.operation}" for one in actions), ())
    undo, can_undo = undo_words(spell_out(first.undo) if first else "", first.reversal if first else "")
    return Head(
        headline=headline(first),
        others=max(0, len(actions) - 1),
        resource=_resource(first, _RESOURCE_CHARS) if first else ERASED,
        operation=short(spell_out(first.operation), _RESOURCE_CHARS) if first else "",
        scope=_scope(first) if first else "",
        undo=undo,
        can_undo=can_undo,
        found=_found(first),
        moved=tuple((spell_out(what), spell_out(old), spell_out(new)) for what, old, new in subject.moved),
        forms=_forms(subject),
        confidence=CONFIDENCE_WORDS.get(first.confidence, "") if first else "",
        unseen=tuple(spell_out(one) for one in first.unseen if one not in first.summary) if first else (),
        hidden=names.hidden,
        look_alikes=names.look_alikes,
    )


def _forms(subject: Subject) -> tuple[FormLine, ...]:
    forms = subject.forms or tuple(Form(line) for line in subject.first)  # approvals of older versions have lines
    return tuple(
        FormLine(number, spell_out(one.line), one.before, bool(one.request)) for number, one in enumerate(forms, 1)
    )


def _runs(approval: Approval) -> tuple[RunLine, ...]:
    forms = approval.subject.forms if approval.subject else ()
    return tuple(
        RunLine(
            line=spell_out(forms[run.form - 1].line) if run.form <= len(forms) else "",
            state=run.state.value,
            words=RUN_WORDS[run.state],
            note=" ".join(part for part in (f"status {run.status}" if run.status else "", run.note) if part),
            at=rfc3339(run.ended_at or run.begun_at),
        )
        for run in approval.runs
    )


def _resource(view: ActionView, most: int) -> str:
    """Return what an action is about; a resource that only repeats the program says nothing of it."""
    return (
        ""
        if view.resource.startswith(("program:", "unknown:", "none:"))
        else short(spell_out(view.resource), most)
    )


def _scope(view: ActionView) -> str:
    return scope_words(view.scope, view.resource, view.environment)


def _asker(subject: Subject, approval: Approval) -> Asker:
    session = spell_out(subject.session or approval.session)  # as its client calls it, not our mark of it
    return Asker(
        tool=spell_out(subject.tool),
        agent=spell_out(subject.agent),
        owner=spell_out(subject.owner),
        session=session,
        session_short=session if len(session) <= _SESSION_CHARS else f"{session[:_SESSION_CHARS]}…",
        run=approval.token,
        workspace=spell_out(subject.workspace),
        row=spell_out(subject.row),
        also=tuple(map(spell_out, subject.also)),
        group=approval.obligations.groups,
        said=spell_out(subject.said[:SAID_CHARS]).strip(),
        said_more=max(0, len(subject.said) - SAID_CHARS),
    )


def _course(approval: Approval, now_us: int, decided_by: str) -> Course:
    status = status_of(approval, now_us)
    title, text = STATUS_WORDS[status]
    if approval.uses > 1:
        text = f"A permit for {approval.uses} uses of the exact same call; used {approval.used} times so far."
    return Course(
        status=status.value,
        title=title,
        text=text,
        is_pending=status is ApprovalStatus.PENDING,
        time_left=time_left(approval.expires_at - now_us),
        opened_at=rfc3339(approval.opened_at),
        expires_at=rfc3339(approval.expires_at),
        until=_clock(approval.use_before if status is ApprovalStatus.APPROVED else approval.expires_at),
        decided_at=rfc3339(approval.decided_at),
        decided_by=decided_by,
        reason=spell_out(approval.reason),
        self_approved=approval.self_approved,
        glass=approval.glass,
        runs=_runs(approval),
        is_running=any(run.state is FormState.BEGUN for run in approval.runs),
    )


def _found(first: ActionView | None) -> tuple[tuple[str, str, bool], ...]:
    """Return what was found out about the thing; a restore point that goes with it, or none, is bad news.

    Where something is lost and nobody could look for a restore point, that is said: silence would read as safety.
    """
    if first is None:
        return ()
    found = tuple(
        (spell_out(label), spell_out(words), label == RESTORE and (LOST in words or words.startswith(NONE)))
        for label, words in first.found
    )
    is_silent = first.reversal == Reversal.LOST and all(label != RESTORE for label, _ in first.found)
    return (*found, (RESTORE, UNKNOWN_POINT, False)) if is_silent else found


def _item(view: ActionView) -> Item:
    return Item(
        summary=spell_out(view.summary),
        operation=spell_out(view.operation),
        resource=_resource(view, _RESOURCE_CHARS * 2),
        environment=spell_out(view.environment),
        effects=view.effects,
        undo=spell_out(view.undo),
        unseen=tuple(spell_out(one) for one in view.unseen),
        scope=_scope(view),
        confidence=CONFIDENCE_WORDS.get(view.confidence, ""),
    )


def _clock(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%H:%M UTC") if at_us else ""
