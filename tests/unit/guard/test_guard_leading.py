"""What led to a call: bounded, credentials out of it, and joined to nothing that was another run's."""

import asyncio
import base64
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.values import Finding
from firewall.core.approval import Decision
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
from firewall.guard.answer import Stop
from firewall.guard.leading import Leading, shortened
from firewall.guard.requester import Requester
from tests.support.approving import StillClock
from tests.support.credentials import DETECTOR
from tests.support.guarding import ALICE, DESTROY, call, keeping

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


async def test_a_run_whose_token_was_revoked_led_to_nothing() -> None:
    """What it sent to models is forgotten, in every session of it; another run's is not."""
    found = finder()
    runs = [agent(token_id=f"tok_{one}", lineage=(f"tok_{one}",)) for one in range(2)]
    other = replace(runs[0], session="ses_2")
    for one in (*runs, other):
        found.heard(one, Dialect.ANTHROPIC, BODY)
    found.ended("tok_0")
    assert [await found.of(call(DESTROY), one) is not None for one in (*runs, other)] == [False, True, False]
    found.ended("tok_unknown")
    assert await found.of(call(DESTROY), runs[1]) is not None


async def test_what_is_too_old_to_be_joined_is_not_held() -> None:
    """A request lets those go whose time is over, so that nothing said lies in memory for longer."""
    clock = StillClock()
    found = finder(clock)
    found.heard(agent(), Dialect.ANTHROPIC, BODY)
    clock.forward(leading.WINDOW_US / 1e6)
    found.heard(agent(session="ses_2"), Dialect.ANTHROPIC, BODY)
    clock.now -= leading.WINDOW_US // 2
    assert await found.of(call(DESTROY), agent()) is None
    assert await found.of(call(DESTROY), agent(session="ses_2")) is not None


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


class Watched:
    """The shipped rules; how much they are asked to look through, and in which thread."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: set[int] = set()

    def find(self, data: bytes, *, in_answer: bool = False) -> tuple[Finding, ...]:
        """Find what the shipped rules do."""
        self.sizes.append(len(data))
        self.threads.add(threading.get_ident())
        return DETECTOR.find(data, in_answer=in_answer)


CODED = base64.b64encode(TOKEN.encode() * 100).decode()[:4_000]
"""One redaction takes its place: it uses up nothing of what may be kept."""


@pytest.mark.parametrize(("size", "most_parts"), [(5, 12), (1, leading.MOST_PARTS_OF_ALL)])
async def test_what_is_searched_is_bounded_and_never_on_the_loop(size: int, most_parts: int) -> None:
    """Parts that redact to nothing cost no more than others; all calls of one answer cost one search."""
    watched = Watched()
    found = Leading(lambda: cast("Detector", watched), lambda: (), StillClock())
    text = f"{CODED} " * size if size > 1 else "short"
    said = [Spoken(turn, "user", (SpokenPart(PartKind.TEXT, text),) * 24) for turn in range(1, 13)]
    led = replace(call(DESTROY), led=lambda: said)
    for ident in range(20):
        kept = await found.of(replace(led, id=str(ident)), agent())
    assert kept is not None
    parts = [part for one in kept.messages for part in one.parts]
    assert len(parts) <= most_parts
    assert sum(one.left_out + len(one.parts) for one in kept.messages) + 24 * kept.earlier == 12 * 24
    most_of_part = leading.PART_BYTES + 2 * leading._AROUND
    assert sum(watched.sizes) <= leading.MOST_SEARCHED + most_of_part
    assert len(watched.sizes) <= 3 * leading.MOST_PARTS_OF_ALL
    assert threading.get_ident() not in watched.threads


async def test_one_request_that_was_joined_is_searched_once() -> None:
    """The calls of another gate that came of one request share what is kept; other rules look anew."""
    watched = [Watched(), Watched()]
    which = 0
    found = Leading(lambda: cast("Detector", watched[which]), lambda: (), StillClock())
    found.heard(agent(gate="models"), Dialect.ANTHROPIC, BODY)
    first = await found.of(call(DESTROY), agent())
    searched = len(watched[0].sizes)
    assert searched
    assert await found.of(call(DESTROY), agent()) == first
    assert len(watched[0].sizes) == searched
    which = 1
    assert await found.of(call(DESTROY), agent()) == first
    assert len(watched[1].sizes) == searched


async def test_what_is_joined_or_refused_reads_nothing(tmp_path: Path) -> None:
    """Only a question that is new reads a conversation: not its repeat, nor what was denied, nor one too many."""
    asked: list[str] = []

    def led(name: str) -> ToolCall:
        def say() -> Sequence[Spoken]:
            asked.append(name)
            return ()

        return replace(call(name), led=say)

    async with keeping(tmp_path, max_pending=2) as kept:
        held = await kept.held(led(DESTROY), kept.requester())
        assert (await kept.held(led(DESTROY), kept.requester())).approval.id == held.approval.id
        assert asked == [DESTROY]
        await kept.approvals.decide(held.approval.id, Decision.DENY, by=ALICE)
        assert isinstance(await kept.guard.judge(led(DESTROY), kept.requester()), Stop)
        for name in ("rm -rf /srv/a", "rm -rf /srv/b"):
            await kept.held(led(name), kept.requester())
        assert isinstance(await kept.guard.judge(led("rm -rf /srv/c"), kept.requester()), Stop)
        assert asked == [DESTROY, "rm -rf /srv/a", "rm -rf /srv/b"]


BODY_LINE = "MIIJKQIBAAKCAgEAz1" + "aB3d" * 11 + "Zz"


@pytest.mark.parametrize("name", ["RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
@pytest.mark.parametrize("lines", [100, 250, 400, 2000])
@pytest.mark.parametrize(
    ("before", "after"),
    [(0, 0), (0, 9_000), (3_000, 9_000), (9_000, 9_000), (9_000, 1_000), (9_000, 0), (3_000, 0)],
)
async def test_not_one_line_of_a_long_key_is_kept(name: str, lines: int, before: int, after: int) -> None:
    """A key longer than what is searched beside a cut is taken out wherever it stands, whole or cut."""
    key = f"-----BEGIN {name}-----\n" + f"{BODY_LINE}\n" * lines + f"-----END {name}-----\n"
    begins, ends = key[: len(key) - 700], key[700:]
    for one in (key, begins, ends, key.replace("\n", "\\n")):
        text = "some 'words'\n" * (before // 13) + one + "'more words'\n" * (after // 13)
        found = text_of(await finder().of(led_by(text), agent()))
        assert BODY_LINE not in found
        assert BODY_LINE[:24] not in found
        assert ("words" in found) == bool(before or after)


def said(*parts: str) -> ToolCall:
    """Return a call that came of one message with these parts."""
    one = Spoken(1, "user", tuple(SpokenPart(PartKind.RESULT, part) for part in parts))
    return replace(call(DESTROY), led=lambda: [one])


async def test_a_key_that_goes_on_in_the_next_part_is_hidden() -> None:
    """Parts of one message that hold the beginning, the middle and the end of a key keep no line of it."""
    lines = f"{BODY_LINE}\n" * 30
    parts = (
        "first 'words' -----BEGIN RSA PRIVATE KEY-----\n" + lines,
        lines,
        lines + "-----END RSA PRIVATE KEY----- 'more'",
    )
    for some in (parts, parts[:2], parts[1:]):
        found = text_of(await finder().of(said(*some, "last 'words'"), agent()))
        assert BODY_LINE[:24] not in found
        assert "last 'words'" in found
        assert ("more" in found) == (some[-1] is parts[-1])


async def test_nothing_is_kept_of_what_was_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the bound of what is looked at for keys all counts as hidden, and the page says how much it is."""
    monkeypatch.setattr(leading, "MOST_KEYED", 10_000)
    words = "some 'words' " * 1_000
    begin = "-----BEGIN RSA PRIVATE KEY-----"
    texts = (words, f"{BODY_LINE}\n" * 300 + "-----END RSA PRIVATE KEY-----", begin + words)
    for text in texts:
        kept = await finder().of(said(text, begin, "behind"), agent())
        assert kept is not None
        first, *others = kept.messages[0].parts
        assert BODY_LINE[:24] not in first.head
        assert (first.tail, first.left_out >= len(text) - leading.PART_BYTES) == ("", True)
        assert [(one.head, one.tail, one.left_out) for one in others] == [("", "", len(begin)), ("", "", 6)]
        assert ("some 'words'" in first.head) == (text is words)
    kept = await finder().of(led_by("first " + begin, words, words + begin), agent())
    assert kept is not None
    assert [bool(one.parts[0].head) for one in kept.messages] == [False, True, True]


async def test_conversations_that_are_slow_keep_nobody_from_a_thread() -> None:
    """However many are read, all other work in threads goes on; nothing is read any more after the end."""
    found, goes = finder(), threading.Event()

    def slow() -> Sequence[Spoken]:
        assert goes.wait(60)
        return ()

    waiting = [asyncio.create_task(found.of(replace(call(DESTROY), led=slow), agent())) for _ in range(40)]
    await asyncio.sleep(0)
    try:
        assert await asyncio.to_thread(lambda: "served") == "served"
        assert not any(one.done() for one in waiting)
    finally:
        goes.set()
    assert await asyncio.gather(*waiting) == [None] * 40
    found.close()
    with pytest.raises(RuntimeError):
        await found.of(led_by("words"), agent())
