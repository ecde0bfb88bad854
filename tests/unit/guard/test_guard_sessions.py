"""Open sessions at the guard: what it released itself is what a line is judged with."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.classify.state import Session
from firewall.core.call import ToolCall
from firewall.core.effect import Effect
from firewall.guard.answer import Go, Wait
from firewall.guard.judgement import Judgement
from firewall.guard.requester import Requester
from firewall.guard.sessions import MAX_RUNS, MAX_SESSIONS, SessionMemory
from tests.support.guarding import Kept, keeping


def run(command: str) -> ToolCall:
    """Build a command as Codex writes it."""
    return ToolCall("call_1", "exec_command", json.dumps({"cmd": command, "tty": True}).encode())


def write(chars: str, session: int = 1) -> ToolCall:
    """Build input to a session as Codex writes it."""
    return ToolCall("call_2", "write_stdin", json.dumps({"session_id": session, "chars": chars}).encode())


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


async def let(kept: Kept, call: ToolCall, requester: Requester) -> Judgement:
    """Have a call released, by people where they are asked; return how it was judged."""
    answer = await kept.guard.judge(call, requester)
    if isinstance(answer, Wait):
        await kept.approve(answer)
        answer = await kept.guard.release(answer, requester)
    assert isinstance(answer, Go), answer
    return kept.observed[-1][0]


async def test_a_line_in_two_writes_is_held_as_one(kept: Kept) -> None:
    """Codex opens a shell and types `rm -r` and `f /srv`: the second is held as the removal that it completes."""
    requester = kept.requester()
    await let(kept, run("bash"), requester)
    first = await let(kept, write("rm -r"), requester)
    held = await kept.held(write("f /srv\n"), requester)
    removals = [action for action in held.judgement.actions if action.resource == "file:/srv"]
    assert [action.text for action in removals] == ["rm -rf /srv\n"]
    assert Effect.DESTRUCTIVE in held.judgement.effects
    assert not any(action.resource == "file:/srv" for action in first.actions)


async def test_a_finished_line_is_no_beginning(kept: Kept) -> None:
    """Once the line was taken, the next one starts afresh."""
    requester = kept.requester()
    await let(kept, write("rm -r"), requester)
    await let(kept, write(" build\n"), requester)
    assert Effect.DESTRUCTIVE not in kept.considered(write("f /srv\n"), requester).effects


async def test_sql_in_two_writes(kept: Kept) -> None:
    """Codex opens psql and types a statement in two parts: it is read as SQL."""
    requester = kept.requester()
    await let(kept, run("psql app"), requester)
    await let(kept, write("DELETE "), requester)
    assert Effect.DESTRUCTIVE in kept.considered(write("FROM users;\n"), requester).effects


async def test_what_was_not_released_was_not_typed(kept: Kept) -> None:
    """Input that is still held is no beginning of the next."""
    requester = kept.requester()
    await kept.held(write("rm -r"), requester)
    judgement = kept.considered(write("f /srv\n"), requester)
    assert Effect.DESTRUCTIVE not in judgement.effects
    assert Effect.EXEC in judgement.effects


async def test_other_sessions_and_other_runs(kept: Kept) -> None:
    """Another session and another run know nothing of it; a child of the same run does, by any name."""
    await let(kept, write("rm -r"), kept.requester())
    assert Effect.DESTRUCTIVE not in kept.considered(write("f /srv\n", 2), kept.requester()).effects
    other = kept.requester(token_id="tok_9", lineage=("tok_9",))
    assert Effect.DESTRUCTIVE not in kept.considered(write("f /srv\n"), other).effects
    child = kept.requester(token_id="tok_2", lineage=("tok_2", "tok_1"), session="another name")
    assert Effect.DESTRUCTIVE in kept.considered(write("f /srv\n"), child).effects


async def test_an_unknown_session_is_asked(kept: Kept) -> None:
    """Without an opening that the guard released, input is code, and the shipped policy asks."""
    held = await kept.held(write("ls\n"), kept.requester())
    assert Effect.EXEC in held.judgement.effects


async def test_an_approval_does_not_fit_another_beginning(kept: Kept) -> None:
    """What was approved with one beginning is asked anew once something else was typed in between."""
    requester = kept.requester()
    held = await kept.held(write("f /srv\n"), requester)
    await kept.approve(held)
    await let(kept, write("rm -r"), requester)
    assert isinstance(await kept.guard.release(held, requester), Wait)


def test_memory_is_bounded() -> None:
    """Too many sessions or runs forget the oldest, never what was opened."""
    memory = SessionMemory()
    many = {"": Session(("bash",)), **{str(number): Session() for number in range(MAX_SESSIONS * 2)}}
    first = _requester("tok_0")
    memory.keep(first, many)
    assert len(memory.of(first)) <= MAX_SESSIONS + 1
    assert memory.of(first)[""].programs == ("bash",)
    assert str(MAX_SESSIONS * 2 - 1) in memory.of(first)
    for number in range(MAX_RUNS):
        memory.keep(_requester(f"tok_x{number}"), {"1": Session()})
    assert memory.of(first) == {}


def _requester(root: str) -> Requester:
    return Requester(root, (root,), (), None, "olga/agent")  # type: ignore[arg-type]  # the memory looks at the lineage only
