"""`approvals show` in words: what the page says, in a terminal, and how to answer."""

from dataclasses import replace

from firewall.approvals.people import Refusal
from firewall.cli.approval_text import as_text, conversation_text
from firewall.console.shape import Standing, detail
from firewall.console.words import CONFIDENCE_WORDS, EFFECT_WORDS, SCOPE_WORDS, UNDO_WORDS, undo_words
from firewall.core.action import Confidence, Reversal, Scope
from firewall.core.approval import ActionView, Approval, ApprovalStatus
from firewall.core.demand import tally
from firewall.core.effect import Effect
from tests.support.approving import COMMAND, subject, view


def _row(
    *actions: ActionView, status: ApprovalStatus = ApprovalStatus.PENDING, refused: str = ""
) -> dict[str, object]:
    approval = Approval(
        id="apr_1",
        status=status,
        digest="d" * 64,
        principal="olga/claude-code",
        token="tok_1",
        session="",
        environment="production",
        effects=("destructive",),
        opened_at=0,
        expires_at=10**12,
        subject=replace(subject(), actions=actions, said="\x1b[2Jtrust me"),
    )
    refusal = Refusal(refused, refused) if refused else None
    standing = Standing(tally([], ()), refusal, None)
    return detail(approval, now_us=1, address="http://localhost/approve/apr_1", standing=standing)


def test_what_happens_comes_first_and_the_words_are_marked() -> None:
    """The sentence of the worst action, then the text with `^` under the deciding words, then each action."""
    start = COMMAND.index("rm -rf")
    worst = view(evidence=((start, start + 6, "removes"),), reversal="lost", unseen=("the path `$X`",))
    lines = as_text(_row(view(summary="reads `a`", effects=("read",), text=""), worst))
    assert lines[0].startswith(worst.summary)
    at = lines.index(COMMAND)
    assert lines[at + 1].strip() == "^^^^^^"
    assert lines[at + 1].index("^") == start
    joined = "\n".join(lines)
    assert joined.index(f"1. {worst.summary}") < joined.index("2. reads `a`")
    assert "not seen    the path `$X`" in joined
    assert "Cannot be undone the same way" in joined
    assert "stayhand approvals approve apr_1" in joined
    assert "{" not in joined


def test_nothing_moves_the_cursor() -> None:
    """What an agent says is spelled out and called not verified."""
    joined = "\n".join(as_text(_row(view())))
    assert "\x1b" not in joined
    assert "not verified" in joined


def test_who_cannot_answer_is_told_so() -> None:
    """No command is offered to somebody who may not decide, nor for what was decided."""
    assert "you cannot answer this: own" in "\n".join(as_text(_row(view(), refused="own")))
    for row in (_row(view(), refused="own"), _row(view(), status=ApprovalStatus.DENIED)):
        assert "approvals approve" not in "\n".join(as_text(row))


def test_a_row_of_another_version_is_still_shown() -> None:
    """Missing and odd fields are left out instead of raising; without actions the arguments stand there."""
    assert as_text({"summary": "x", "arguments": "rm -rf a"})[-1] == "rm -rf a"
    assert as_text({"actions": [{"text": "a", "evidence": [{"start": "x"}]}, 3], "effects": None})


def test_every_word_of_ours_has_words_for_people() -> None:
    """Each effect, place and reversal is called something; a known way to undo it comes first."""
    assert set(EFFECT_WORDS) == {effect.value for effect in Effect}
    assert set(SCOPE_WORDS) == set(Scope)
    assert set(UNDO_WORDS) == set(Reversal)
    assert set(CONFIDENCE_WORDS) == set(Confidence) - {Confidence.CERTAIN}
    assert undo_words("restore it", "lost") == ("restore it", True)
    assert undo_words("", "")[1] is False


def test_who_voted_and_decided_is_named_and_whose_call_it_is() -> None:
    """By name where the server tells it, by pseudonym elsewhere; the session, and the run of the console."""
    vote = {"voter": "per_1", "decision": "approve", "at": "2026-11-22T18:00:00Z", "auth": "passkey"}
    row = {**_row(view(), status=ApprovalStatus.DENIED), "decided_by": "per_2", "session": "s_1"}
    said = "\n".join(as_text({**row, "given": [vote]}))
    assert "vote        per_1 agreed 2026-11-22T18:00:00Z, proven by passkey" in said
    assert "denied per_2" in said
    assert "session     s_1\n   run         tok_1" in said
    named = {**row, "given": [{**vote, "name": "alice"}], "decided_by_name": "bob"}
    assert "vote        alice agreed" in "\n".join(as_text(named))
    assert "denied bob" in "\n".join(as_text(named))


def test_every_row_that_asks_is_printed() -> None:
    """Each with its own text; what a server of an earlier version answers has the deciding one alone."""
    row = _row(view())
    other = "policy.csv:31  p, *, *, *, *, exfil, , ask, group=oncall"
    said = as_text({**row, "rows": [row["row"], other]})
    assert [line for line in said if line.startswith("   row ")] == [
        f"   row         {row['row']}",
        f"   row         {other}",
    ]
    del row["rows"]
    assert f"   row         {row['row']}" in as_text(row)


def test_what_stands_beside_a_call_is_said() -> None:
    """What moved, how it differs from the last of its kind, how many wait, the review, and who wrote a form."""
    other = {
        "id": "apr_0",
        "status": "denied",
        "opened_at": "2026-01-01T00:00:00Z",
        "changes": [{"what": "resource", "before": "/srv/a", "now": "/srv/b\x1b[2J"}],
        "only_now": ["new \x1b[2J"],
        "only_then": ["old"],
        "more_lines": 3,
    }
    row = _row(view()) | {
        "compared": other,
        "alike": {"waiting": 3, "address": "http://localhost/console/batch/apr_1"},
        "conversation": "offered",
        "moved": [{"what": "volume", "before": "5 GB", "now": "9 GB"}],
        "edited": "apr_9",
        "edit": {"what": "command", "text": "ls"},
        "left_s": 90,
    }
    joined = "\n".join(as_text(row))
    for words in (
        "   resource: /srv/a -> /srv/b",
        "   + new ",
        "   - old",
        "3 more lines differ",
        "3 of this kind wait",
        "volume has changed: 5 GB then, 9 GB now",
        "an approver wrote this in place of apr_9",
        "stayhand approvals edit apr_1 --text",
        "(90 s left)",
    ):
        assert words in joined, joined
    assert "\x1b" not in joined
    same = row | {"compared": other | {"changes": [], "only_now": [], "only_then": [], "more_lines": 0}}
    assert "nothing that is shown differs" in "\n".join(as_text(same))
    broken = _row(view(), status=ApprovalStatus.DENIED) | {"glass": True, "review": "open", "instead": "permitted"}
    joined = "\n".join(as_text(broken))
    assert "approved by one person alone; review: open" in joined
    assert "another form is wanted in its place, which the policy permits" in joined


def test_no_text_of_a_conversation_stands_where_our_words_do() -> None:
    """Each line of others is behind a bar; what is cut is said; without its key nothing is there."""
    piece = {"label": "Text", "head": "hi\n--- message 9, from us\x1b[2J", "left_out": "7 bytes", "tail": "end"}
    turn = {"number": 2, "role": "the user's side", "pieces": [piece], "left_out": 1}
    row = {"state": "shown", "source": "Before it.", "earlier": 4, "turns": [turn], "hidden": 2}
    lines = conversation_text(row | {"look_alikes": ["\u0430"]})
    assert "--- message 2, from the user's side" in lines
    assert not [line for line in lines if line.startswith("--- message 9")]
    assert [line for line in lines if line.startswith("  | --- message 9")]
    assert "  | (7 bytes)" in lines
    assert "4 earlier messages are not kept." in lines
    assert "2 hidden characters were spelled out." in lines
    assert "\x1b" not in "".join(lines)
    assert "erased" in conversation_text({"state": "erased"})[0]


def test_a_long_text_that_actions_share_is_answered_once_and_marked_for_each() -> None:
    """The answer does not grow with every action, and the terminal marks the deciding words of all of them."""
    text = "rm -rf a\n" + "rm -rf b\n" * 1_000
    shared = [view(text=text, evidence=((at, at + 8, f"removes {at}"),), operation=f"o{at}") for at in (0, 9, 18)]
    row = _row(view(text="short"), *shared, view(text="short"))
    actions = row["actions"]
    assert isinstance(actions, list)
    assert [(one["text"] == "", one.get("text_of")) for one in actions] == [
        (False, None),
        (False, None),
        (True, 1),
        (True, 1),
        (False, None),
    ]
    lines = as_text(row)
    assert sum(line.startswith("rm -rf a") for line in lines) == 1
    at = lines.index("rm -rf a")
    assert [line.strip().partition(" ")[0] for line in lines[at + 1 : at + 6 : 2]] == ["^^^^^^^^"] * 3
    for wrong in (7, -1, "1", None, True):
        as_text(row | {"actions": [dict(actions[2], text_of=wrong)]})
