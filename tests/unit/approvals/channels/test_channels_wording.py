"""Words: one sentence, no argument, and nothing in foreign names that any channel could take for markup."""

import json
import re

import pytest

from firewall.approvals.channels import slack, teams, wording
from firewall.approvals.channels.mail import written
from firewall.approvals.channels.pagerduty import event
from firewall.approvals.channels.webhook import content, signature
from firewall.approvals.notices import notice_of
from firewall.core.approval import ApprovalStatus
from firewall.core.notice import Alert, Message, Opened, Reminded, Seen, Settled
from tests.support.approving import START_US, MemoryLog, StillClock, approvals, subject, view, wanted
from tests.support.receivers import complaint, marked_up
from tests.support.telling import ADDRESS, HOSTILE, notice


def test_the_sentence_says_what_where_and_what_it_does() -> None:
    """One sentence, from names alone."""
    assert wording.sentence(notice()) == 'An agent asks for "graphql:volumeDelete" in "production": destructive.'
    many = notice(operations=("shell:rm", "shell:rm", "a:1", "b:2", "c:3"), effects=("destructive", "exec"))
    assert wording.sentence(many) == (
        'An agent asks for "shell:rm", "a:1", "b:2" and 1 more in "production": destructive, exec.'
    )
    nowhere = wording.sentence(notice(environment="unresolved"))
    assert nowhere.endswith(" in a place that nobody can name, so it may be production: destructive.")


@pytest.mark.parametrize("status", [one for one in ApprovalStatus if one is not ApprovalStatus.PENDING])
def test_what_has_ended_is_told_as_past(status: ApprovalStatus) -> None:
    """An ending says that an agent asked, and no time until which to answer; what waits says that it asks."""
    past = json.dumps('An agent asked for "graphql:volumeDelete" in "production": destructive.')[1:-1]
    over, waits = Settled(notice(), status), Opened(notice())
    pairs = [
        (json.dumps(slack.said(over, buttons=True)), json.dumps(slack.said(waits, buttons=True))),
        (json.dumps(teams.said(over)), json.dumps(teams.said(waits))),
    ]
    for ended, held in pairs:
        assert past in ended
        assert "until" not in ended
        assert past.replace("asked", "asks") in held
        assert "until" in held
    assert past in content(over).decode()
    assert past.replace("asked", "asks") in content(waits).decode()


@pytest.mark.parametrize(
    "name", [*HOSTILE, 'x" in "staging": read', "list users in staging: read - cleared", "a" * 99]
)
def test_a_foreign_name_stands_in_quotes_that_it_cannot_end(name: str) -> None:
    """Whatever a tool is called, its words do not read as ours: what we say stands outside of the quotes."""
    said = wording.sentence(notice(operations=(name,)))
    begin, shown, between, place, end = said.split('"')
    assert (begin, between.replace(" (cut)", ""), place) == ("An agent asks for ", " in ", "production")
    assert (shown, end) == (wording.named(name).removesuffix(" (cut)"), ": destructive.")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_foreign_name_is_spelled(name: str) -> None:
    """No mark of Slack, Teams, HTML or mail is left, nothing hidden, nothing that becomes a link."""
    shown = wording.named(name)
    assert not set(shown.removesuffix(" (cut)")) & set("<>&*~`@\"'()|#\\\r\n")
    assert re.search(r"\w\.\w|//", shown) is None
    assert shown.isprintable()
    assert all(char in "⟦⟧" or char.isascii() for char in shown)


def test_a_long_name_is_cut_and_says_so() -> None:
    """What is cut is not passed off as the whole."""
    assert wording.named("a" * 200) == "a" * wording.NAME_CHARS + " (cut)"
    assert wording.named("  ") == "unnamed"


@pytest.mark.parametrize("kind", [Opened, Reminded])
@pytest.mark.parametrize("name", HOSTILE)
def test_slack_acts_on_nothing_but_our_address(kind: type[Opened | Reminded], name: str) -> None:
    """Neither a channel, nor a person, nor a link of somebody else's is in what Slack reads."""
    body = slack.said(kind(notice(operations=(name,), environment=name)), buttons=True)
    assert complaint(body) == ""
    assert marked_up(body) == [f"{ADDRESS}|Open the page and decide"]
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


def test_slack_gets_a_deny_button_and_approve_only_where_the_row_allows() -> None:
    """Approving by a click is for rows that need no session of ours."""
    for outside, wanted_actions in ((False, [slack.DENY]), (True, [slack.DENY, slack.APPROVE])):
        body = slack.said(Opened(notice(may_be_answered_outside=outside)), buttons=True)
        found = re.findall(r'"action_id": "(\w+)"', json.dumps(body))
        assert found == wanted_actions
    assert "action_id" not in json.dumps(slack.said(Opened(notice()), buttons=False))
    ended = slack.said(Settled(notice(), ApprovalStatus.DENIED), buttons=True)
    assert ADDRESS not in json.dumps(ended)
    assert "was denied" in json.dumps(ended)


@pytest.mark.parametrize("name", HOSTILE)
def test_teams_reads_text_runs_without_markdown(name: str) -> None:
    """Foreign words are in text runs alone, which know no markdown; the one link is ours."""
    card = json.dumps(teams.said(Opened(notice(operations=(name,)))))
    assert '"TextBlock"' not in card
    assert re.findall(r'"url": "([^"]+)"', card) == [ADDRESS]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_mail_is_plain_text_with_our_headers(name: str) -> None:
    """No header and no HTML comes from a foreign name."""
    made = notice(operations=(name,), environment=name, effects=(name,))
    mail = written(Opened(made), sender="stayhand@example.com", recipients=["a@example.com"], now_us=START_US)
    assert mail.get_content_type() == "text/plain"
    assert mail["Bcc"] is None
    assert "\n" not in str(mail["Subject"])
    assert re.findall(r"https?://\S+", mail.get_content()) == [ADDRESS]
    assert "<" not in mail.get_content()


def test_a_thread_of_mails_holds_together() -> None:
    """Reminders and endings answer the first mail, whose id is the approval's."""
    told: list[Message] = [Opened(notice()), Reminded(notice()), Settled(notice(), ApprovalStatus.EXPIRED)]
    first, second, third = (
        written(one, sender="stayhand@example.com", recipients=["a@example.com"], now_us=START_US + number)
        for number, one in enumerate(told)
    )
    assert first["Message-ID"] == "<apr_x@example.com>"
    assert second["In-Reply-To"] == third["References"] == first["Message-ID"]
    assert len({first["Message-ID"], second["Message-ID"], third["Message-ID"]}) == 3
    assert third["Subject"] == f"Re: {first['Subject']}"
    assert "has expired undecided" in third.get_content()
    assert ADDRESS not in third.get_content()


def test_pagerduty_follows_one_alert() -> None:
    """Opening, reading, reminding and ending name the same alert; what is grave pages as critical."""
    told: list[Message] = [Opened(notice()), Reminded(notice()), Seen(notice())]
    told.append(Settled(notice(), ApprovalStatus.APPROVED))
    events = [event(one) for one in told]
    assert {one["dedup_key"] for one in events} == {"apr_x"}
    assert [one["event_action"] for one in events] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert json.dumps(events[0]).count('"severity": "critical"') == 1
    mild = event(Opened(notice(effects=("write",))))
    assert json.dumps(mild).count('"severity": "warning"') == 1
    assert event(Alert("budget", "a", {}))["dedup_key"] != event(Alert("budget", "b", {}))["dedup_key"]


def test_a_webhook_gets_json_without_arguments() -> None:
    """Exactly the documented fields; that somebody reads it is not told."""
    assert json.loads(content(Opened(notice()))) == {
        "event": "opened",
        "id": "apr_x",
        "address": ADDRESS,
        "summary": 'An agent asks for "graphql:volumeDelete" in "production": destructive.',
        "environment": "production",
        "effects": ["destructive"],
        "expires_at": "2026-09-21T14:43:20Z",
    }
    assert json.loads(content(Settled(notice(), ApprovalStatus.DENIED)))["event"] == "denied"
    assert json.loads(content(Reminded(notice())))["event"] == "reminded"
    assert content(Seen(notice())) == b""
    assert json.loads(content(Alert("budget", "spent", {"used": 3}))) == {
        "kind": "budget",
        "text": "spent",
        "used": 3,
    }


def test_a_signature_is_over_the_exact_body() -> None:
    """One other byte, one other signature."""
    assert signature(b"k", b"a", 1) != signature(b"k", b"b", 1)
    assert signature(b"k", b"a", 1) != signature(b"k", b"a", 2)


async def test_nothing_of_the_call_is_in_a_notice() -> None:
    """Arguments, resources, names of people, workspace and words of the agent stay behind."""
    about = subject(
        arguments='{"command":"CANARY-a"}',
        actions=(view(resource="file:/CANARY-b", text="CANARY-c", summary="CANARY-d"),),
        owner="CANARY-e",
        workspace="/CANARY-f",
        said="CANARY-g",
        row="CANARY-h",
    )
    approval = await approvals(MemoryLog(), StillClock()).open(wanted(subject=about))
    made = notice_of(approval, ADDRESS)
    told: list[Message] = [Opened(made), Reminded(made), Settled(made, ApprovalStatus.DENIED)]
    for one in told:
        mail = written(one, sender="s@example.com", recipients=["a@example.com"], now_us=START_US)
        said = [json.dumps(part) for part in (slack.said(one, buttons=True), teams.said(one), event(one))]
        assert "CANARY" not in "".join([*said, mail.as_string(), content(one).decode()])
