"""Configured channels: what each is called and built of, and whose addresses a group's mail goes to."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from firewall.app.channels import channels_of, mailed, names_of
from firewall.core.errors import ConfigError
from firewall.references import references_of
from firewall.settings.load import settings_of
from firewall.settings.settings import Settings
from firewall.tokens.people import People
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


def _people(**groups: tuple[str, ...]) -> People:
    known = {name: SimpleNamespace(name=name, groups=own) for name, own in groups.items()}
    return SimpleNamespace(get=known.get)  # type: ignore[return-value]  # one method of it is used


async def test_every_kind_is_built_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second channel of the same kind has a number; a name of its own wins."""
    monkeypatch.setenv("H6_URL", "https://hooks.example/x")
    monkeypatch.setenv("H6_SECRET", "s3cret")
    settings = _settings(_ALL)
    channels = channels_of(settings, references_of(settings), _people(), StillClock())
    names = ("terminal", "webhook", "slack", "slack-2", "night-shift", "pagerduty", "email")
    assert tuple(one.channel for one in channels.health) == names == names_of(settings)
    await channels.aclose()


def test_a_secret_that_is_not_there_keeps_the_server_from_starting() -> None:
    """A channel that could never be told anything is no channel."""
    settings = _settings(_ALL)
    with pytest.raises(ConfigError, match="is not set"):
        channels_of(settings, references_of(settings), _people(), StillClock())


def test_a_groups_mail_goes_to_those_of_it_who_may_sign_in() -> None:
    """By the configuration's groups and by those that an admin gave; whoever was removed gets none."""
    who = "".join(
        f'[[approver]]\nname = "{name}"\nemail = "{name}@example.com"\ngroups = {groups}\n'
        for name, groups in (("alice", '["oncall"]'), ("bob", "[]"), ("carol", "[]"), ("gone", '["oncall"]'))
    )
    settings = _settings(_ALL + who)
    mail = settings.notify[-1]
    people = _people(alice=(), bob=("oncall",), carol=("other",))
    assert mailed(mail, settings, people) == ["alice@example.com", "bob@example.com"]
    named = mail.model_copy(update={"to": ("x@example.com",)})
    assert mailed(named, settings, people) == ("x@example.com",)
