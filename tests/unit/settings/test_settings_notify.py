"""`[[notify]]`: what each kind needs, what means nothing to it, and what would leave this machine in the clear."""

from pathlib import Path

import pytest

from firewall.core.errors import ConfigError
from firewall.settings.load import settings_of
from firewall.settings.notify import Notify

_TOKEN = "token = { env = 'T' }\nchannel = 'C1'"
_MAIL = "kind = 'email'\nsmtp = 'mail.example:587'\nsender = 's@example.com'\nto = ['a@example.com']"


def _one(text: str) -> Notify:
    (found,) = settings_of(f"[[notify]]\n{text}", Path("/x/stayhand.toml"), {}).notify
    return found


@pytest.mark.parametrize(
    "text",
    [
        "kind = 'terminal'",
        "kind = 'webhook'\nurl = { env = 'U' }\nsecret = { env = 'S' }",
        "kind = 'slack'\nurl = { env = 'U' }",
        f"kind = 'slack'\n{_TOKEN}\nsigning_secret = {{ env = 'S' }}\nteam = 'T1'",
        "kind = 'teams'\nurl = { env = 'U' }\nafter = '5m'\nevery = '10m'\nenvironments = ['prod*']",
        "kind = 'pagerduty'\nrouting_key = { env = 'K' }\ngroups = ['oncall']\neffects = ['destructive']",
        _MAIL,
        "kind = 'push'",
        "kind = 'push'\nsubject = 'mailto:o@example.com'\nhosts = ['*.push.example.com', 'localhost:1']\nca = 'x'",
        "kind = 'email'\nsmtp = 'localhost:25'\nsecurity = 'none'\nsender = 's@example.com'\ngroups = ['oncall']",
    ],
)
def test_each_kind_can_be_configured(text: str) -> None:
    """The forms that the guide shows are read."""
    assert _one(text).kind in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind = 'pigeon'", "pagerduty"),
        ("kind = 'webhook'", "needs `url`"),
        ("kind = 'pagerduty'", "needs `routing_key`"),
        ("kind = 'slack'", "`slack` needs `url`"),
        ("kind = 'push'\nurl = 'x'", "`url` means nothing to `push`"),
        ("kind = 'terminal'\nsubject = 'mailto:a@b.example'", "`subject` means nothing to `terminal`"),
        ("kind = 'push'\nsubject = 'ops@example.com'", "no `mailto:` or `https:` address"),
        ("kind = 'push'\nsubject = 'mailto: <ops@example.com>'", "no `mailto:` or `https:` address"),
        ("kind = 'push'\nhosts = ['*']", "`*` is no host of a push service"),
        ("kind = 'push'\nhosts = ['https://push.example.com/']", "no host of a push service"),
        ("kind = 'push'\nhosts = []", "no host of a push service"),
        ("kind = 'slack'\ntoken = { env = 'T' }", "go together"),
        ("kind = 'slack'\nurl = { env = 'U' }\nsigning_secret = { env = 'S' }", "buttons need a bot"),
        (f"kind = 'slack'\n{_TOKEN}\nteam = 'T1'", "goes with `signing_secret`"),
        ("kind = 'teams'\nurl = 'x'\nrouting_key = { env = 'K' }", "`routing_key` means nothing to `teams`"),
        ("kind = 'terminal'\nurl = 'x'", "means nothing to `terminal`"),
        ("kind = 'terminal'\nevery = '5s'", "every"),
        ("kind = 'terminal'\nname = 'a b'", "name"),
        (_MAIL.replace("to = ['a@example.com']", ""), "`email` needs `to`"),
        (f"{_MAIL}\nlinks = true", "one person alone"),
        ("kind = 'webhook'\nurl = 'x'\nlinks = true", "`links` means nothing to `webhook`"),
        (f"{_MAIL}\nusername = 'u'", "go together"),
        (f"{_MAIL}\nsecurity = 'none'", "encrypted only"),
        (_MAIL.replace("['a@example.com']", '["a@example.com\\nBcc: b@example.com"]'), "no mail address"),
        (_MAIL.replace("a@example.com", "Alice <a@example.com>"), "no mail address"),
        (_MAIL.replace("a@example.com", "a@example.com, b@example.com"), "no mail address"),
    ],
)  # fmt: skip
def test_what_would_reach_nobody_or_the_wrong_ones_is_refused(text: str, words: str) -> None:
    """At load, naming what is wrong."""
    with pytest.raises(ConfigError) as caught:
        _one(text)
    assert words in f"{caught.value.public} {caught.value}"


def test_every_secret_of_a_channel_is_known_as_one() -> None:
    """Its variables and files are kept from agents like any other secret's."""
    text = f"kind = 'slack'\n{_TOKEN}\nsigning_secret = {{ file = '/k/s' }}"
    settings = settings_of(f"[[notify]]\n{text}", Path("/x/stayhand.toml"), {})
    assert settings.secret_variables == ("T",)
    assert settings.secret_files == (Path("/k/s"),)
