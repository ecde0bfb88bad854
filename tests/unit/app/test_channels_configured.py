"""Configured channels: what each is called and built of, and whose addresses a group's mail goes to."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from firewall.app.channels import boxes_of, channels_of, mailed, members_of, names_of, slack_desk_of
from firewall.approvals.channels.personal import PersonalMail
from firewall.approvals.channels.port import Invitation, Mailbox
from firewall.approvals.people import Approver, Deputy
from firewall.core.errors import ConfigError
from firewall.references import references_of
from firewall.settings.load import settings_of
from firewall.settings.settings import Settings
from tests.support.approving import StillClock

_ALL = """
[[notify]]
kind = "terminal"
[[notify]]
kind = "webhook"
url = { env = "H6_URL" }
secret = { env = "H6_SECRET" }
[[notify]]
kind = "slack"
url = { env = "H6_URL" }
[[notify]]
kind = "slack"
token = { env = "H6_SECRET" }
channel = "C1"
signing_secret = { env = "H6_SECRET" }
[[notify]]
kind = "teams"
name = "night-shift"
url = { env = "H6_URL" }
after = "5m"
[[notify]]
kind = "pagerduty"
routing_key = { env = "H6_SECRET" }
[[notify]]
kind = "email"
smtp = "[::1]:25"
security = "none"
sender = "s@example.com"
groups = ["oncall"]
username = "u"
password = { env = "H6_SECRET" }
"""


def _settings(text: str) -> Settings:
    return settings_of(text, Path("/x/stayhand.toml"), {})


@dataclass(frozen=True)
class Everybody:
    """A roster of a few."""

    known: tuple[Approver, ...] = ()

    def everybody(self) -> tuple[Approver, ...]:
        """As the port says."""
        return self.known

    def changes(self) -> int:
        """As the port says."""
        return 0


class Nobody:
    """An inviter that makes no links."""

    async def invited(self, person: str, approval_id: str) -> Invitation | None:
        """As the port says."""
        del person, approval_id
        return None

    async def withdrawn(self, invitation: Invitation) -> None:
        """As the port says."""
        raise AssertionError(invitation.id)


async def test_every_kind_is_built_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second channel of the same kind has a number; a name of its own wins."""
    monkeypatch.setenv("H6_URL", "https://hooks.example/x")
    monkeypatch.setenv("H6_SECRET", "s3cret")
    settings = _settings(_ALL)
    channels = channels_of(settings, references_of(settings), Everybody(), StillClock(), inviter=Nobody())
    names = ("terminal", "webhook", "slack", "slack-2", "night-shift", "pagerduty", "email")
    assert tuple(one.channel for one in channels.health) == names == names_of(settings)
    await channels.aclose()


def test_push_needs_an_installation() -> None:
    """Browsers and the key that push services know us by are kept there."""
    settings = _settings("[[notify]]\nkind = 'push'")
    with pytest.raises(ConfigError, match="needs an installation"):
        channels_of(settings, references_of(settings), Everybody(), StillClock(), inviter=Nobody())


def test_a_secret_that_is_not_there_keeps_the_server_from_starting() -> None:
    """A channel that could never be told anything is no channel."""
    settings = _settings(_ALL)
    with pytest.raises(ConfigError, match="is not set"):
        channels_of(settings, references_of(settings), Everybody(), StillClock(), inviter=Nobody())


def test_a_groups_mail_goes_to_those_who_can_speak_for_it_now() -> None:
    """Members and deputies; nobody who is away, of another group, without an address or removed."""
    names = ("alice", "bob", "carol", "away", "gone")
    who = "".join(f'[[approver]]\nname = "{name}"\nemail = "{name}@example.com"\n' for name in names)
    settings = _settings(_ALL + who)
    mail = settings.notify[-1]
    roster = Everybody(
        (
            Approver("alice", "approver", ("oncall",)),
            Approver("bob", "approver", (), speaks_for=(Deputy(("away",), ("oncall",)),)),
            Approver("carol", "approver", ("other",)),
            Approver("away", "approver", ("oncall",), is_away=True),
            Approver("nameless", "approver", ("oncall",)),
        )
    )
    assert mailed(mail, settings, roster) == ["alice@example.com", "bob@example.com"]
    named = mail.model_copy(update={"to": ("x@example.com",)})
    assert mailed(named, settings, roster) == ("x@example.com",)


def test_everybody_of_the_groups_that_were_passed_over_has_an_address() -> None:
    """Also who is away; of no group, everybody who decides; never who only looks."""
    names = ("alice", "carol", "away", "vera", "gone")
    who = "".join(f'[[approver]]\nname = "{name}"\nemail = "{name}@example.com"\n' for name in names)
    settings = _settings(who)
    roster = Everybody(
        (
            Approver("alice", "approver", ("oncall",)),
            Approver("carol", "admin", ("other",)),
            Approver("away", "approver", ("oncall",), is_away=True),
            Approver("vera", "viewer", ("oncall",)),
            Approver("nameless", "approver", ("oncall",)),
        )
    )
    found = {groups: members_of(settings, roster, groups) for groups in (("oncall",), ("none",), ())}
    assert found == {
        ("oncall",): ["alice@example.com", "away@example.com"],
        ("none",): [],
        (): ["alice@example.com", "carol@example.com", "away@example.com"],
    }


def test_who_is_away_is_not_told_by_his_address_either() -> None:
    """A list of addresses leaves his out, however written; a shared one stays while somebody there has it."""
    settings = _settings(_ALL)
    away = Approver("away", "approver", aliases=("away@example.com",), is_away=True)
    listed = ("Away@Example.com", "team@example.com", "x@example.com")
    mail = settings.notify[-1].model_copy(update={"to": listed})
    shared = Approver("other", "approver", is_away=True, aliases=("team@example.com",))
    there = Approver("bob", "approver", aliases=("team@example.com",))
    assert mailed(mail, settings, Everybody((away, shared, there))) == listed[1:]
    assert mailed(mail, settings, Everybody((away, shared))) == listed[2:]


def test_whose_mail_it_is_is_told_with_the_address() -> None:
    """Each address is one approver's, as settings demand; a personal link is written to nobody else."""
    settings = _settings(_ALL + '[[approver]]\nname = "alice"\nemail = "a@example.com"\n')
    roster = Everybody((Approver("alice", "approver", ("oncall",)), Approver("bob", "approver", ("oncall",))))
    assert boxes_of(settings.notify[-1], settings, roster) == [Mailbox("alice", "a@example.com")]


async def test_a_channel_with_links_writes_to_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`links = true` makes another sender of a mail channel; all the rest of it is the same."""
    monkeypatch.setenv("H6_URL", "https://hooks.example/x")
    monkeypatch.setenv("H6_SECRET", "s3cret")
    settings = _settings(_ALL + "links = true\n")
    built: list[PersonalMail] = []
    monkeypatch.setattr(PersonalMail, "aclose", lambda one: _kept(built, one))
    channels = channels_of(settings, references_of(settings), Everybody(), StillClock(), inviter=Nobody())
    await channels.aclose()
    assert len(built) == 1


async def _kept(built: list[PersonalMail], one: PersonalMail) -> None:
    built.append(one)


def test_bots_with_buttons_know_who_is_who(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a bot with a signing secret is a desk; members are mapped by id, never by a name that Slack tells."""
    monkeypatch.setenv("H6_URL", "https://hooks.example/x")
    monkeypatch.setenv("H6_SECRET", "s3cret")
    settings = _settings(_ALL + '[[approver]]\nname = "alice"\nslack = "U0ALICE"\n')
    desk = slack_desk_of(settings, references_of(settings))
    assert desk is not None
    assert (len(desk.apps), desk.members) == (1, {"U0ALICE": "alice"})
    assert slack_desk_of(_settings(""), references_of(_settings(""))) is None
