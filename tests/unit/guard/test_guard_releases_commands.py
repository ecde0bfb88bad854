"""Releases for hooks that report a command in words of their own: once, and only as it was approved."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.core.call import CallForm, ToolCall
from firewall.guard.answer import Go, Wait
from firewall.guard.releases import WINDOW_S
from tests.support.guarding import DESTROY, Kept, call, keeping

OTHER = "rm -rf /srv/other"


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


def exec_command(command: str, *, ident: str = "call_1", **more: object) -> ToolCall:
    """Return a call as Codex's older models make it."""
    return ToolCall(ident, "exec_command", json.dumps({"cmd": command, **more}).encode())


def script(*commands: str) -> ToolCall:
    """Return a call as its newer models make it."""
    lines = [f"await tools.exec_command({json.dumps({'cmd': one})});" for one in commands]
    return ToolCall("call_1", "exec", "\n".join(lines).encode(), CallForm.TEXT)


async def approved(kept: Kept, tool_call: ToolCall) -> str:
    """Have a call approved and released at the models gate; return the approval."""
    asker = kept.requester(gate="models")
    held = await kept.held(tool_call, asker)
    await kept.approve(held)
    assert isinstance(await kept.guard.release(held, asker), Go)
    return held.approval.id


@pytest.mark.parametrize("said", [exec_command(DESTROY), exec_command(DESTROY, yield_time_ms=1), script(DESTROY)])
async def test_an_approved_command_passes_the_hook_once(kept: Kept, said: ToolCall) -> None:
    """Approved as the model wrote it, it runs as the hook reports it, under the hook's own id, once."""
    approval = await approved(kept, said)
    hooks = kept.requester(gate="hooks", cwd=str(kept.folder / "workspace"))
    first = await kept.guard.judge(call(DESTROY, ident="exec-1"), hooks)
    assert isinstance(first, Go)
    assert first.approval == approval
    assert isinstance(await kept.guard.judge(call(DESTROY, ident="exec-2"), hooks), Wait)


async def test_each_command_of_a_script_passes_as_often_as_it_stands_there(kept: Kept) -> None:
    """A script that was approved as a whole passes with each of its commands."""
    await approved(kept, script(DESTROY, OTHER, DESTROY))
    hooks = kept.requester(gate="hooks")
    for command in (OTHER, DESTROY, DESTROY):
        assert isinstance(await kept.guard.judge(call(command), hooks), Go)
    for command in (OTHER, DESTROY):
        assert isinstance(await kept.guard.judge(call(command), hooks), Wait)


async def test_another_command_does_not_pass(kept: Kept) -> None:
    """A character more is another command."""
    await approved(kept, exec_command(DESTROY))
    assert isinstance(await kept.guard.judge(call(f"{DESTROY} "), kept.requester(gate="hooks")), Wait)


async def test_in_its_own_words_a_release_serves_no_other(kept: Kept) -> None:
    """What the client writes alike is used once, whether by its words or by its command."""
    await approved(kept, call(DESTROY))
    hooks = kept.requester(gate="hooks")
    assert isinstance(await kept.guard.judge(call(DESTROY, run_in_background=True), hooks), Wait)
    assert isinstance(await kept.guard.judge(call(DESTROY), hooks), Go)
    assert isinstance(await kept.guard.judge(call(DESTROY), hooks), Wait)


async def test_a_command_elsewhere_asks_anew(kept: Kept) -> None:
    """An agent that says that it works in another folder than people were told is asked about again."""
    await approved(kept, exec_command("rm -rf ../gone"))
    hooks = kept.requester(gate="hooks", cwd="/srv/elsewhere")
    assert isinstance(await kept.guard.judge(call("rm -rf ../gone"), hooks), Wait)


@pytest.mark.parametrize(
    "changes", [{"gate": "mcp"}, {"token_id": "tok_2", "lineage": ("tok_2",)}, {"session": "b"}]
)
async def test_no_other_gate_run_or_session_uses_it(kept: Kept, changes: dict[str, object]) -> None:
    """A release is of one run and session, and a command is what hooks alone report."""
    await approved(kept, exec_command(DESTROY))
    asker = kept.requester(**{"gate": "hooks", **changes})
    assert isinstance(await kept.guard.judge(call(DESTROY), asker), Wait)


async def test_a_release_ends(kept: Kept) -> None:
    """After minutes it is asked about again."""
    await approved(kept, exec_command(DESTROY))
    kept.clock.forward(WINDOW_S + 1)
    assert isinstance(await kept.guard.judge(call(DESTROY), kept.requester(gate="hooks")), Wait)


async def test_a_command_of_a_script_runs_the_file_that_was_approved(kept: Kept) -> None:
    """Of several commands each is held to its own file: one whose file was replaced asks, the other passes."""
    removes = "import shutil\nshutil.rmtree('/srv/data')\n"
    first, second = (kept.folder / "workspace" / name for name in ("first.py", "second.py"))
    first.write_text(removes, encoding="utf-8")
    second.write_text(removes, encoding="utf-8")
    await approved(kept, script("python first.py", "python second.py"))
    hooks = kept.requester(gate="hooks")
    second.write_text(f"{removes}# and more\n", encoding="utf-8")
    assert isinstance(await kept.guard.judge(call("python first.py"), hooks), Go)
    assert isinstance(await kept.guard.judge(call("python second.py"), hooks), Wait)
