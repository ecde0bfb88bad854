"""What operators see: counts, one line per verdict, and nothing that names anything."""

import logging
from dataclasses import replace

import pytest

from firewall import telemetry as watched
from firewall.approvals.channels.port import Health
from firewall.core.action import Action
from firewall.core.call import ToolCall
from firewall.core.effect import Effect
from firewall.core.money import Tokens
from firewall.core.reason import Reason
from firewall.core.spending import Line, State
from firewall.core.verdict import Allow, Ask, Deny, Verdict
from firewall.guard.answer import Answer, Go, Stop
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester
from firewall.telemetry import Condition, Telemetry, set_up_logging
from tests.unit.gates.models.grants import GRANT

ACTION = Action("shell:rm", "Bash", "file:/srv/secret-name", "staging", (Effect.DESTRUCTIVE,), "removes")
USED = Tokens(input=10, cache_read=2, output=5)
WHO = Requester("tok_1", ("tok_1",), (), GRANT, "alice/claude", session="secret-session")


class Log:
    """A log of seven entries."""

    is_open = True
    size = 7


@pytest.mark.parametrize(
    ("verdict", "answer", "said"),
    [
        (Allow(Reason.POLICY_ALLOW), Go(3), "allow"),
        (Ask(Reason.POLICY_ASK), Go(3, "apr_1"), "allow"),
        (Deny(Reason.OWN_REACH), Stop(3, Deny(Reason.OWN_REACH)), "deny"),
    ],
)
def test_verdict_is_one_line_without_names(
    verdict: Verdict, answer: Answer, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Constant field names, the entry's number, no argument, resource, owner or session."""
    telemetry = Telemetry()
    judgement = Judgement(
        ToolCall("c", "Bash", b'{"command":"rm /srv/secret-name"}'),
        (ACTION,),
        verdict,
        ACTION,
        "ab" * 32,
        "cd" * 32,
    )
    with caplog.at_level(logging.INFO, logger="stayhand.verdict"):
        telemetry.judged(judgement, WHO, answer, seconds=0.0005)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"verdict={said} ")
    assert "entry=3" in line
    assert not [word for word in ("secret-name", "secret-session", "alice", "srv") if word in line]
    shown = telemetry.metrics(Log()).decode()
    assert 'stayhand_verdicts_total{effect="destructive",gate="models",reason="' in shown
    assert "stayhand_log_entries 7.0" in shown
    assert "stayhand_log_open 1.0" in shown


def test_answers_are_counted_by_outcome() -> None:
    """Outcomes are short stable words."""
    telemetry = Telemetry()
    telemetry.answered("anthropic", "ok")
    telemetry.answered("anthropic", "ok")
    assert (
        'stayhand_model_answers_total{dialect="anthropic",outcome="ok"} 2.0' in telemetry.metrics(Log()).decode()
    )


def test_what_calls_used_and_cost_is_counted_once_however_often_somebody_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every look shows all calls so far; models beyond the bound are one; an unknown cost is no amount."""
    monkeypatch.setattr(watched, "MAX_MODELS", 2)
    telemetry = Telemetry()
    line = Line(call="c", at_us=1, state=State.EXACT, provider="p", model="m", used=USED, cost_micros=7)
    for one in (line, line, replace(line, model="n", cost_micros=None), replace(line, model="o")):
        telemetry.settled(one)
        telemetry.metrics(Log())
    telemetry.settled(replace(line, model="q", state=State.ESTIMATED))
    assert _sample(telemetry, "stayhand_model_tokens_total", provider="p", model="m", kind="input") == 20
    assert _sample(telemetry, "stayhand_model_tokens_total", provider="p", model="m", kind="cached") == 4
    assert _sample(telemetry, "stayhand_model_tokens_total", provider="other", model="other", kind="output") == 10
    assert _sample(telemetry, "stayhand_spend_micros_total", provider="p", model="m", state="exact") == 14
    assert _sample(telemetry, "stayhand_spend_micros_total", provider="p", model="n", state="exact") is None
    assert (
        _sample(telemetry, "stayhand_spend_micros_total", provider="other", model="other", state="estimated") == 7
    )
    assert _sample(telemetry, "stayhand_spend_unpriced_calls_total") == 1


def _sample(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(name, labels)


def test_condition_says_when_it_is_closed() -> None:
    """Ready is: the log takes entries."""
    log = Log()
    condition = Condition(log, lambda: "ab" * 32, lambda: "unwitnessed", telemetry=Telemetry())
    assert condition.is_ready()
    assert condition.parts() == {
        "log": "open",
        "entries": "7",
        "policy": "ab" * 8,
        "witness": "unwitnessed",
        "circuits": "0 of 0 open",
        "channels": "0 well",
    }
    left = replace(condition, erasing=lambda: "something lies there")
    assert left.parts()["erasing"] == "something lies there"
    log.is_open = False
    assert not condition.is_ready()
    assert condition.parts()["log"] == "closed"


def test_our_lines_go_nowhere_else() -> None:
    """Setting up twice writes each line once."""
    set_up_logging()
    set_up_logging()
    root = logging.getLogger("stayhand")
    assert len(root.handlers) == 1
    assert root.propagate is False
    root.handlers[:] = []
    root.propagate = True


def test_channels_to_people_are_measured_and_named_when_they_fail() -> None:
    """Counts by channel, and a line that says which failed and with which word."""
    telemetry = Telemetry()
    condition = Condition(Log(), lambda: "ab" * 32, lambda: "watched", telemetry=telemetry)
    assert condition.parts()["channels"] == "0 well"
    telemetry.channels = lambda: (Health("slack", 3, 2, 1, "slack_invalid_auth"), Health("email", 4))
    text = condition.metrics().decode()
    for line in (
        'stayhand_notify_delivered_total{channel="email"} 4.0',
        'stayhand_notify_failed_attempts_total{channel="slack"} 2.0',
        'stayhand_notify_given_up_total{channel="slack"} 1.0',
    ):
        assert line in text
    assert condition.parts()["channels"] == "failing: slack (slack_invalid_auth)"
