"""What led to a call: bounded, credentials out of it, and joined to nothing that was another run's."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.call import ToolCall
from firewall.core.conversation import (
    MOST_BYTES,
    MOST_MESSAGES,
    Conversation,
    PartKind,
    Source,
    Spoken,
    SpokenPart,
)
from firewall.core.dialect import Dialect
from firewall.core.grant import Grant
from firewall.core.secret import Secret
from firewall.core.token import TokenKind, spell
from firewall.guard import leading
from firewall.guard.leading import Leading, shortened
from firewall.guard.requester import Requester
from tests.support.approving import StillClock
from tests.support.credentials import DETECTOR
from tests.support.guarding import DESTROY, call, keeping

TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA1bC2"
TARGETS = "a-target-credential-of-ours-4711"
OWN = spell("staging", TokenKind.ADMIN, b"x" * 32)


def finder(clock: StillClock | None = None) -> Leading:
    """Return a finder with the shipped rules and one target's credential."""
    return Leading(lambda: DETECTOR, lambda: [("railway", Secret(TARGETS))], clock or StillClock())


def text_of(found: Conversation | None) -> str:
    """Return all that is kept of a conversation."""
    assert found is not None
    return "\n".join(f"{part.name} {part.head} {part.tail}" for one in found.messages for part in one.parts)


def led_by(*texts: str) -> ToolCall:
    """Return a call that came of messages with one text each."""
    said = [Spoken(turn, "user", (SpokenPart(PartKind.TEXT, text),)) for turn, text in enumerate(texts, 1)]
    return replace(call(DESTROY), led=lambda: said)


def agent(**changes: object) -> Requester:
    """Return somebody at the hooks gate."""
    until = datetime(2027, 1, 1, tzinfo=UTC)
    grant = Grant(environment="staging", owner="olga", agent="coder", expires_at=until)
    plain = Requester("tok_1", ("tok_1",), (), grant, "olga/coder", "ses_1", "hooks")
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


async def test_the_newest_stay_within_the_bounds() -> None:
    """Twelve messages and 32 KiB at most; what is left out is counted, and the newest are there."""
    many = await finder().of(led_by(*(f"message {number}" for number in range(1, 31))), agent())
    assert many is not None
    assert ([one.turn for one in many.messages], many.earlier) == (list(range(19, 31)), 18)
    assert len(many.messages) == MOST_MESSAGES
    large = await finder().of(led_by(*("x" * 1_000_000 for _ in range(20))), agent())
    assert large is not None
    assert large.messages[-1].turn == 20
    assert large.messages[-1].parts[0].left_out > 900_000
    kept_bytes = sum(len(part.head) + len(part.tail) for one in large.messages for part in one.parts)
    assert MOST_BYTES - leading.PART_BYTES <= kept_bytes <= MOST_BYTES


@pytest.mark.parametrize("value", [TOKEN, TARGETS, OWN])
@pytest.mark.parametrize("at", [0, 4_090, 4_095, 50_000, 97_950, 99_000])
async def test_no_credential_is_kept_wherever_a_cut_falls(value: str, at: int) -> None:
    """A credential of anybody is taken out, also where the text is cut in its middle."""
    text = "x " * (at // 2) + value + " y" * ((100_000 - at) // 2)
    for one in (text, value, json.dumps({"token": value})):
        found = text_of(await finder().of(led_by(one), agent()))
        assert value not in found
        assert value[: len(value) // 2] not in found
        assert value[-12:] not in found


@given(before=st.integers(0, 9000), after=st.integers(0, 9000), most=st.integers(300, 6000))
def test_what_is_found_is_never_cut_in_two(before: int, after: int, most: int) -> None:
    """Whatever is looked for stands in no part of what is kept, and beside it nothing is lost or doubled."""
    text = "a " * before + TOKEN + " b" * after
    part = shortened(
        SpokenPart(PartKind.TEXT, text), most, lambda data: [(o.start, o.end, o.rule) for o in DETECTOR.find(data)]
    )
    found = f"{part.head} {part.tail}"
    assert set(found.split()) <= {"a", "b", "[redacted:github-pat]"}
    assert len(found.encode()) <= most + 2 * len("[redacted:github-pat]") + 1


BODY = json.dumps({"messages": [{"role": "user", "content": "clean up"}]}).encode()


async def test_another_gate_is_joined_by_session_or_run() -> None:
    """The last request of the same session counts; without a session the last of the run, and it is said which."""
    clock = StillClock()
    found, models, hooks = finder(clock), agent(gate="models"), agent()
    assert await found.of(call(DESTROY), hooks) is None
    found.heard(models, Dialect.ANTHROPIC, BODY)
    joined = await found.of(call(DESTROY), hooks)
    assert (joined and joined.source, text_of(joined).strip()) == (Source.SESSION, "clean up")
    bare = await found.of(call(DESTROY), replace(hooks, session=""))
    assert bare is not None
    assert bare.source is Source.RUN
    clock.forward(leading.WINDOW_US / 1e6)
    assert await found.of(call(DESTROY), hooks) is None


async def test_nothing_is_joined_to_another_session_or_run() -> None:
    """Another session that is named, and another token's run, led to nothing here."""
    found, models = finder(), agent(gate="models")
    found.heard(models, Dialect.ANTHROPIC, BODY)
    assert await found.of(call(DESTROY), replace(models, gate="hooks", session="ses_2")) is None
    stranger = replace(models, gate="mcp", session="", token_id="tok_2", lineage=("tok_2",))
    assert await found.of(call(DESTROY), stranger) is None
    child = replace(stranger, lineage=("tok_2", "tok_1"))
    assert await found.of(call(DESTROY), child) is not None


async def test_what_waits_to_be_joined_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many requests the newest are held; of one that is too long nothing is, nor of what came before it."""
    monkeypatch.setattr(leading, "MOST_HELD", 3 * len(BODY))
    found = finder()
    runs = [agent(token_id=f"tok_{one}", lineage=(f"tok_{one}",)) for one in range(5)]
    for one in runs:
        found.heard(one, Dialect.ANTHROPIC, BODY)
    assert [await found.of(call(DESTROY), one) is not None for one in runs] == [False, False, True, True, True]
    found.heard(runs[4], Dialect.ANTHROPIC, b" " * (leading.MOST_BODY + 1))
    assert await found.of(call(DESTROY), runs[4]) is None
    found.heard(runs[3], Dialect.ANTHROPIC, b"no JSON")
    assert await found.of(call(DESTROY), runs[3]) is None


async def test_it_is_asked_for_only_where_people_are(tmp_path: Path) -> None:
    """A call that goes or is refused costs nothing: nobody reads its conversation; one that waits keeps it."""
    asked: list[str] = []

    def led(name: str) -> ToolCall:
        def say() -> Sequence[Spoken]:
            asked.append(name)
            return [Spoken(1, "user", (SpokenPart(PartKind.TEXT, f"please {name}"),))]

        return replace(call(name), led=say)

    async with keeping(tmp_path) as kept:
        await kept.guard.judge(led("ls -la"), kept.requester())
        await kept.guard.judge(led("stayhand token mint"), kept.requester())
        assert asked == []
        held = await kept.held(led(DESTROY), kept.requester())
        assert asked == [DESTROY]
        assert kept.installation.approving.has_conversation(held.approval.id)
        found = kept.installation.approving.conversation(held.approval.id)
        assert found is not None
        assert text_of(found.conversation).strip() == f"please {DESTROY}"
        opened = [kept.body(seq) for seq, kind in enumerate(kept.kinds()) if kind == "approval.opened"]
        assert [one["data"]["conversation"] for one in opened] == [found.sha256]  # type: ignore[index]  # JSON
        other = await kept.held(call("rm -rf /srv/other"), kept.requester())
        assert not kept.installation.approving.has_conversation(other.approval.id)
