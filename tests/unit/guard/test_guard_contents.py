"""What a call runs is read in the workspace, judged, and bound by the hash of the bytes that were judged."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firewall.core.effect import Effect
from firewall.core.verdict import Allow, Ask
from firewall.guard.answer import Go
from firewall.guard.files import MAX_TEXT_BYTES, WorkspaceFiles
from firewall.guard.judgement import Judgement
from tests.support.guarding import Kept, call, keeping

LOSS = "rm -rf /srv/data\n"


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """A guard over the shipped policies."""
    async with keeping(tmp_path) as found:
        yield found


def write(kept: Kept, name: str, text: str) -> Path:
    """Write a file into the workspace of the requester's grant."""
    path = Path(kept.requester().grant.workspace) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def considered(kept: Kept, command: str) -> Judgement:
    """Understand and judge a shell line."""
    return kept.considered(call(command), kept.requester())


async def test_ordinary_scripts_flow_and_losses_ask(kept: Kept) -> None:
    """A script that builds goes at once; one that deletes outside the workspace is asked for, by its line."""
    write(kept, "run.sh", "set -e\nmkdir -p build\npytest -q\n")
    assert isinstance(await kept.guard.judge(call("bash run.sh"), kept.requester()), Go)
    write(kept, "run.sh", f"set -e\n{LOSS}")
    judgement = considered(kept, "bash run.sh")
    assert isinstance(judgement.verdict, Ask)
    assert "line 2 `rm -rf /srv/data`" in " ".join(action.summary for action in judgement.actions)


async def test_project_files_are_read(kept: Kept) -> None:
    """Scripts of npm and recipes of make flow or ask by what they hold."""
    write(kept, "package.json", '{"scripts": {"test": "vitest run", "tidy": "rm -rf /srv/data"}}')
    write(kept, "Makefile", "test:\n\tpytest -q\ntidy:\n\trm -rf /srv/data\n")
    for command in ("npm test", "make test"):
        assert isinstance(considered(kept, command).verdict, Allow), command
    for command in ("npm run tidy", "make tidy"):
        assert isinstance(considered(kept, command).verdict, Ask), command


async def test_a_script_that_calls_another_is_followed(kept: Kept) -> None:
    """The second script is read as well, and both are bound; scripts that call each other come to an end."""
    write(kept, "a.sh", "bash b.sh\n")
    second = write(kept, "b.sh", f"bash a.sh\n{LOSS}")
    before = considered(kept, "bash a.sh")
    assert isinstance(before.verdict, Ask)
    second.write_text("true\n")
    after = considered(kept, "bash a.sh")
    assert isinstance(after.verdict, Allow)
    assert after.digest != before.digest


async def test_a_file_that_changes_is_asked_for_anew(kept: Kept) -> None:
    """An approval is for the bytes that were read: one byte more in the script, and it does not fit."""
    path = write(kept, "run.sh", LOSS)
    held = await kept.held(call("bash run.sh"), kept.requester())
    assert considered(kept, "bash run.sh").digest == held.judgement.digest
    path.write_text(f"{LOSS}# more\n")
    again = await kept.held(call("bash run.sh"), kept.requester())
    assert again.judgement.digest != held.judgement.digest
    assert again.approval.id != held.approval.id


@pytest.mark.parametrize("kind", ["link", "large", "binary"])
async def test_what_is_not_read_is_code_that_is_not_seen(kept: Kept, tmp_path: Path, kind: str) -> None:
    """A link out of the workspace, a huge file and a binary are `exec`, and it is said what was not seen.

    Text that is only too much to be read is unknown as well: anything may stand in it.
    """
    path = write(kept, "run.sh", LOSS)
    if kind == "link":
        (tmp_path / "elsewhere.sh").write_text(LOSS)
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere.sh")
    elif kind == "large":
        path.write_text("#" * (MAX_TEXT_BYTES + 1))
    else:
        path.write_bytes(b"\x7fELF\0\0")
    (action,) = considered(kept, "bash run.sh").actions
    assert set(action.effects) - {Effect.UNKNOWN} == {Effect.EXEC}
    assert (Effect.UNKNOWN in action.effects) is (kind == "large")
    assert any("the content of" in note for note in action.unseen)


async def test_a_call_that_names_no_file_reads_none(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened for a call that runs no file."""

    def refuse(*_: object) -> None:
        pytest.fail("a file was read")

    monkeypatch.setattr(WorkspaceFiles, "seen", refuse)
    assert isinstance(considered(kept, "ls -la && git status").verdict, Allow)
