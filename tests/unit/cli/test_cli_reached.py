"""What doctor says of the address that approvers use."""

import pytest

from firewall.cli.reached import pushed_from, reached_by


@pytest.mark.parametrize(
    ("url", "levels", "words"),
    [
        ("https://stayhand.example.com", ["ok"], "bound to `stayhand.example.com`"),
        ("http://localhost:8788", ["warn", "ok"], "on this machine only: no phone does"),
        ("http://127.0.0.1:8788", ["warn", "warn"], "passkeys cannot work"),
        ("http://stayhand.example.com", ["unsafe", "warn"], "over plain http"),
        ("https://10.0.0.7", ["warn", "warn"], "a phone elsewhere needs your VPN"),
        ("https://93.184.215.14", ["warn"], "has an IP address in place of a name"),
        ("https://stayhand.internal", ["warn", "ok"], "in your own network only"),
        ("https://stayhand", ["warn", "warn"], "a name without a domain"),
    ],
)
def test_doctor_says_whether_a_phone_reaches_it_and_passkeys_work(url: str, levels: list[str], words: str) -> None:
    """Each line has a level; what is not fine has a hint."""
    said = list(reached_by(url))
    assert [level for level, _, _ in said] == levels
    assert words in " ".join(what for _, what, _ in said)
    assert all(hint or level == "ok" for level, _, hint in said)


@pytest.mark.parametrize(
    ("url", "subject", "level", "words"),
    [
        ("https://stayhand.example.com", "https://stayhand.example.com", "ok", "may write to https://stayhand"),
        ("http://localhost:8788", "mailto:ops@example.com", "ok", "mailto:ops@example.com"),
        ("http://127.0.0.1:8788", "mailto:ops@example.com", "ok", "mailto:ops@example.com"),
        ("http://localhost:8788", "", "warn", "Apple's refuses that"),
        ("http://stayhand.example.com", "mailto:ops@example.com", "warn", "push cannot work"),
        ("http://10.0.0.7:8788", "", "warn", "push cannot work"),
    ],
)
def test_doctor_says_whether_browsers_can_be_told(url: str, subject: str, level: str, words: str) -> None:
    """Service workers run on https and on this machine alone; what is not fine has a hint."""
    ((found, what, hint),) = pushed_from(url, subject)
    assert (found, bool(hint)) == (level, level != "ok")
    assert words in what
