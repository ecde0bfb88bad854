"""Texts of files that a call runs: what they do is added, nothing is taken away, and the work is bounded."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.state import Unread
from firewall.classify.tool import actions_of
from firewall.core.action import Action
from firewall.core.effect import Effect
from tests.support.understanding import WORKSPACE, call, cases, shipped_context
from tests.support.work import MAX_CALLS, counted

_CASES = cases("contents")
_MILD = {Effect.READ, Effect.WRITE}


def judged(command: str, files: Mapping[str, str]) -> tuple[Action, ...]:
    """Return the actions of a shell line in a workspace with files."""
    contents = {f"{WORKSPACE}/{name}": text for name, text in files.items()}
    return actions_of(call("Bash", {"command": command}), replace(shipped_context(), contents=contents))


@pytest.mark.parametrize("case", _CASES, ids=[f"{index}:{row['command']}" for index, row in enumerate(_CASES)])
def test_content_is_judged(case: dict[str, object]) -> None:
    """Each row's files raise its command to the row's effects, in words that name the line; mild ones do not."""
    files, expected = case["files"], case["effects"]
    assert isinstance(files, dict)
    assert isinstance(expected, list)
    actions = judged(str(case["command"]), files)
    found = {effect for action in actions for effect in action.effects}
    mild = _MILD if "exec" in expected else {Effect.READ}
    assert {effect.value for effect in found - mild} == set(expected), [action.summary for action in actions]
    assert str(case.get("says", "")) in " | ".join(action.summary for action in actions)
    if "environments" in case:
        assert sorted({action.environment for action in actions}) == case["environments"]
    assert all(0 <= item.start <= item.end <= len(action.text) for action in actions for item in action.evidence)


@settings(max_examples=60, deadline=None)
@given(
    row=st.sampled_from(_CASES),
    text=st.one_of(
        st.sampled_from([text for case in _CASES for text in dict(case["files"]).values()]),  # type: ignore[call-overload]  # rows are objects
        st.text(max_size=200),
    ),
)
def test_content_only_raises(row: dict[str, object], text: str) -> None:
    """Whatever the files hold, every action that is there without them is there with them, no milder."""
    files = row["files"]
    assert isinstance(files, dict)
    command = str(row["command"])
    with_text = judged(command, dict.fromkeys(files, text))
    for before in judged(command, {}):
        same = [
            action
            for action in with_text
            if (action.operation, action.resource, action.environment)
            == (before.operation, before.resource, before.environment)
        ]
        assert any(set(before.effects) <= set(action.effects) for action in same), before.summary


def test_what_a_script_names_is_named() -> None:
    """A script that starts another names it, so that it is read and bound as well."""
    actions = judged("bash a.sh", {"a.sh": "python b.py\n"})
    assert actions[0].files == (f"{WORKSPACE}/a.sh", f"{WORKSPACE}/b.py")


def test_what_is_not_visible_is_said() -> None:
    """A script whose text is not there is `exec`, and the action says what was not seen."""
    (action,) = judged("bash a.sh", {})
    assert action.effects == (Effect.EXEC,)
    assert any("the content of" in note for note in action.unseen)


@pytest.mark.parametrize(
    "text",
    ["echo x\n" * 9_000, "(" * 60_000, "a" * 60_000, "\0\x01\n" * 1000, "./a.sh\n" * 5000, "$(" * 30_000],
    ids=["long", "nested", "one word", "controls", "itself", "substitutions"],
)
def test_hostile_texts_are_bounded(text: str) -> None:
    """Deep and strange texts that are at least looked at leave the call what it was without them."""
    actions, calls = counted(lambda: judged("bash a.sh", {"a.sh": text}))
    assert calls < MAX_CALLS
    assert Effect.EXEC in actions[0].effects
    assert Effect.UNKNOWN not in actions[0].effects


@pytest.mark.parametrize("command", ["bash a.x", "python3 a.x", "node a.x", "ruby a.x", "make -f a.x", "./a.x"])
def test_what_is_not_looked_at_is_unknown(command: str) -> None:
    """Behind 64 KiB of a text anything may stand: the call is unknown and says so, short of that it is not."""
    for size, is_whole in ((60_000, True), (70_000, False)):
        actions = judged(command, {"a.x": ("x = 1\n" * 20_000)[:size]})
        assert (Effect.UNKNOWN not in actions[0].effects) is is_whole
        assert is_whole is not any("the rest of" in note for note in actions[0].unseen)


def test_many_files_are_too_much_together() -> None:
    """Files that are looked at share what a call may take; of those behind it is said that nobody has."""
    files = {f"a{index}.sh": "echo x\n" * 4_000 for index in range(8)}
    actions = judged("; ".join(f"bash {name}" for name in files), files)
    assert Effect.UNKNOWN not in actions[0].effects
    assert any("too much to read beside the others" in note for note in actions[-1].unseen)
    assert Effect.UNKNOWN in actions[-1].effects


def test_the_rest_of_a_long_script_is_said_to_be_unseen() -> None:
    """A script that is too long to be read in full is no reason to ask, but the action says so."""
    actions = judged("bash a.sh", {"a.sh": "echo x\n" * 2000})
    assert {effect for action in actions for effect in action.effects} == {Effect.EXEC}
    assert any("too much" in note or "too long" in note for action in actions for note in action.unseen)


def test_a_loss_behind_much_padding_is_found() -> None:
    """The lines that may lose something are read however much stands before them."""
    for text in ("echo x\n" * 2000, "cp a b\n" * 8000):
        actions = judged("bash a.sh", {"a.sh": f"D=/srv\n{text}rm -rf $D/data\n"})
        assert any(Effect.DESTRUCTIVE in action.effects for action in actions)


@pytest.mark.parametrize(
    "command", ["docker compose up -d", "docker compose -f compose.yaml up", "terraform apply"]
)
def test_configuration_is_bound(command: str) -> None:
    """Files that configure what is started or built elsewhere are named, so that an approval binds them."""
    named = {path for action in judged(command, {}) for path in action.files}
    assert named & {f"{WORKSPACE}/compose.yaml", f"{WORKSPACE}/main.tf"}


def test_functions_of_a_file_do_not_hide_the_program() -> None:
    """A program that nobody knows stays unknown where a file that may change defines a function of its name."""
    actions = judged(". ./lib.sh && wipe_it", {"lib.sh": "wipe_it() { true; }\n"})
    assert any(Effect.UNKNOWN in action.effects for action in actions)


@pytest.mark.parametrize("why", list(Unread))
def test_why_a_file_is_unread_is_said(why: Unread) -> None:
    """The action says why nobody has read a file; one that is only too much makes the call unknown."""
    context = replace(shipped_context(), unread={f"{WORKSPACE}/a.sh": why})
    (action,) = actions_of(call("Bash", {"command": "bash a.sh"}), context)
    assert any(note.endswith(why.value) for note in action.unseen)
    assert (Effect.UNKNOWN in action.effects) is (why in (Unread.LARGE, Unread.MANY))
    assert Effect.EXEC in action.effects


def test_a_long_line_that_loses_is_not_passed_over() -> None:
    """In a script that is too much to read, a line that may lose something and is too long is unknown."""
    text = "echo x\n" * 2_000 + "rm -rf /srv/a " + "b" * 5_000 + "\n"
    actions = judged("bash a.sh", {"a.sh": text})
    assert any({Effect.UNKNOWN, Effect.DESTRUCTIVE} & set(action.effects) for action in actions)


@pytest.mark.parametrize("before", [0, 20, 38, 45, 80, 99, 150])
def test_losses_are_not_hidden_behind_harmless_ones(before: int) -> None:
    """However many harmless deletions stand before it in a long script, a loss is seen, or the call is unknown."""
    text = "echo x\n" * 200 + "rm -rf build/x\n" * before + "rm -rf /srv/data\n"
    actions = judged("bash a.sh", {"a.sh": text})
    assert any({Effect.UNKNOWN, Effect.DESTRUCTIVE} & set(action.effects) for action in actions)


def test_files_and_the_call_share_their_work() -> None:
    """Scripts and the commands beside them are bounded together: what is not read any more is unknown."""
    files = {"a.sh": "rm -rf build\n" * 300, "b.sh": "rm -rf /srv/data\n"}
    actions, calls = counted(lambda: judged("bash a.sh; " + "rm -rf dist; " * 150 + "bash b.sh", files))
    assert calls < MAX_CALLS
    assert any(Effect.UNKNOWN in action.effects for action in actions)


@pytest.mark.parametrize(
    "line",
    [
        "crontab -r",
        "chmod 777 /etc",
        "systemctl stop shop",
        "echo x >> ~/.bashrc",
        "echo k >> ~/.ssh/authorized_keys",
    ],
)
def test_more_than_losses_is_looked_for_in_long_scripts(line: str) -> None:
    """What stops a service, opens a door or runs later is seen in a script that is too long to be read in full."""
    alone = {effect for action in judged(line, {}) for effect in action.effects} - _MILD
    actions = judged("bash a.sh", {"a.sh": "echo x\n" * 300 + f"{line}\n"})
    assert alone - {Effect.UNKNOWN} <= {effect for action in actions for effect in action.effects}
    assert alone
