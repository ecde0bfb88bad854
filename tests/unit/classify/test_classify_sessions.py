"""Open sessions: input is judged with what is pending, in the language of what may run there, and only raised."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.context import Context
from firewall.classify.sessions import LATER, MAX_PENDING_CHARS, OPENED, language_of
from firewall.classify.state import Session
from firewall.classify.tool import actions_of, bound_arguments, sessions_after
from firewall.core.action import Action
from firewall.core.effect import Effect
from tests.support.understanding import call, shipped_context


def typed(chars: str, context: Context, session: object = 1) -> tuple[tuple[Action, ...], Context]:
    """Type into a session; return the actions, and the context once it was let through."""
    tool_call = call("write_stdin", {"session_id": session, "chars": chars})
    actions = actions_of(tool_call, context)
    return actions, replace(context, sessions=sessions_after(tool_call, actions, context))


def opened(command: str, context: Context) -> Context:
    """Run a command that may leave a program reading; return the context once it was let through."""
    tool_call = call("exec_command", {"cmd": command})
    return replace(context, sessions=sessions_after(tool_call, actions_of(tool_call, context), context))


def effects(actions: tuple[Action, ...]) -> set[Effect]:
    """Return all effects."""
    return {effect for action in actions for effect in action.effects}


def test_a_line_in_two_writes_is_one_line() -> None:
    """`rm -r` and `f /srv` are judged as the line that they make, and people are shown that line."""
    first, context = typed("rm -r", shipped_context())
    second, context = typed("f /srv\n", context)
    assert Effect.DESTRUCTIVE in effects(second)
    removal = next(action for action in second if action.operation == "shell:rm")
    assert removal.resource == "file:/srv"
    assert removal.text == "rm -rf /srv\n"
    assert context.sessions["1"].pending == ""
    assert Effect.EXEC in effects(first)


@pytest.mark.parametrize("cuts", [(1,), (2,), (3, 5), (1, 2, 3, 4, 5, 6, 7), (7,), (11,)])
@pytest.mark.parametrize("end", ["\n", "\r", "; ls\n"])
def test_wherever_a_line_is_cut(cuts: tuple[int, ...], end: str) -> None:
    """However many writes a line comes in, one of them is the loss."""
    text = f"rm -rf /srv{end}"
    context, found = shipped_context(), set[Effect]()
    for left, right in zip((0, *cuts), (*cuts, len(text)), strict=True):
        actions, context = typed(text[left:right], context)
        assert Effect.EXEC in effects(actions)
        found |= effects(actions)
    assert Effect.DESTRUCTIVE in found


def test_sessions_are_kept_apart_and_numbers_are_names() -> None:
    """What was typed into one session is no beginning in another; `1` and `"1"` are the same session."""
    _, context = typed("rm -r", shipped_context(), 1)
    assert Effect.DESTRUCTIVE not in effects(typed("f /srv\n", context, 2)[0])
    assert Effect.DESTRUCTIVE in effects(typed("f /srv\n", context, "1")[0])


@pytest.mark.parametrize(
    ("program", "lines"),
    [
        ("psql -h db prod", ["DELETE FROM users", "\nWHERE true;\n"]),
        ("mysql -u x", ["DROP TAB", "LE users;\n"]),
        ("sqlite3 app.db", ["DROP TABLE", " users;\n"]),
        ("bash", ["rm \\\n", "-rf /srv\n"]),
        ("bash", ["cat <<E | sh\n", "rm -rf /srv\n", "E\n"]),
        ("bash", ["if true; then\n", "rm -rf /srv\n", "fi\n"]),
        ("python3", ["import shutil\n", "shutil.rmtree('/srv')\n"]),
        ("python3 -i", ["import shutil\nfor x in [1]:\n", "    shutil.rmtree('/srv')\n", "\n"]),
        ("node", ["require('fs').rm", "Sync('/srv')\n"]),
        ("ssh prod", ["rm -r", "f /srv\n"]),
        ("docker exec -it c bash", ["rm -r", "f /srv\n"]),
        ("pwsh", ["Remove-", "Item /srv\n"]),
    ],
)
def test_what_runs_there_decides_the_language(program: str, lines: list[str]) -> None:
    """Text typed into what the guard let open is read in its language, in as many writes as it comes."""
    context, found = opened(program, shipped_context()), set[Effect]()
    for line in lines:
        actions, context = typed(line, context)
        assert Effect.EXEC in effects(actions)
        found |= effects(actions)
    assert Effect.DESTRUCTIVE in found


def test_what_is_not_known_is_code() -> None:
    """Input to a session whose opening nobody saw is `exec`, whatever it says, and read as shell text."""
    for chars in ("ls\n", "y\n", "SELECT 1;\n", "q"):
        assert Effect.EXEC in effects(typed(chars, shipped_context(), "unheard of")[0])
    assert Effect.DESTRUCTIVE in effects(typed("rm -rf /srv\n", shipped_context(), "unheard of")[0])


@pytest.mark.parametrize(
    "command", ["bash", "psql prod", "python3", "node", "ssh prod", "sh -i", "sudo -i bash", "pwsh"]
)
def test_opening_without_text_is_code(command: str) -> None:
    """A shell or REPL opened without text is `exec`, and says that what comes later is not seen."""
    actions = actions_of(call("exec_command", {"cmd": command}), shipped_context())
    assert Effect.EXEC in effects(actions)
    assert any(note.endswith(LATER) for action in actions for note in action.unseen)
    assert opened(command, shipped_context()).sessions[OPENED].programs


def test_commands_that_end_open_nothing() -> None:
    """A command that is given its text leaves no session."""
    for command in ("ls", "bash -c ls", "echo x | sh", "psql -c 'SELECT 1'", "python3 -c 'print(1)'"):
        assert opened(command, shipped_context()).sessions == {}


def test_an_interrupt_clears_the_line() -> None:
    """After Ctrl-C nothing is pending; looking at a session's output changes nothing."""
    _, context = typed("rm -r", shipped_context())
    looked, context = typed("", context)
    assert effects(looked) == {Effect.READ}
    assert context.sessions["1"].pending == "rm -r"
    _, context = typed("\x03", context)
    assert context.sessions["1"].pending == ""


@pytest.mark.parametrize(
    "chars",
    ["rmm\x7f -rf /srv\n", "ls\x08\x08rm -rf /srv\n", "\x1b[200~rm -rf /srv\x1b[201~\n", "rm -rf /s\trv\n"],
)
def test_keys_that_edit_the_line(chars: str) -> None:
    """Erased letters are gone, pasted text is text; other keys make it unknown."""
    assert effects(typed(chars, shipped_context())[0]) & {Effect.DESTRUCTIVE, Effect.UNKNOWN} >= (
        {Effect.DESTRUCTIVE}
    )
    assert Effect.UNKNOWN in effects(typed("l\x01s\x1b[A\n", shipped_context())[0])


def test_too_much_to_keep_is_said() -> None:
    """A line longer than what is kept stays unknown to its end."""
    _, context = typed("x" * (MAX_PENDING_CHARS + 1), shipped_context())
    assert context.sessions["1"].lost
    assert Effect.UNKNOWN in effects(typed("ls\n", context)[0])


def test_an_approval_fits_what_was_pending() -> None:
    """The same input is another one where something else is pending, or something else runs."""
    context = shipped_context()
    tool_call = call("write_stdin", {"session_id": 1, "chars": "f /srv\n", "yield_time_ms": 5})
    bare = bound_arguments(tool_call, context)
    pending = bound_arguments(tool_call, replace(context, sessions={"1": Session(pending="rm -r")}))
    running = bound_arguments(tool_call, replace(context, sessions={"1": Session(("bash",))}))
    assert len({bare, pending, running}) == 3
    quiet = call("write_stdin", {"session_id": 1, "chars": "f /srv\n"})
    assert bound_arguments(quiet, context) == bare


@settings(max_examples=120, deadline=None)
@given(
    chars=st.text(alphabet="rm -f/srv;\n\x7f\x03\"'\\ ab", max_size=40),
    pending=st.text(alphabet="rm -f/s;\n\"'\\", max_size=20),
    programs=st.lists(st.sampled_from(["bash", "psql", "python3", "node", "pwsh", "x"]), max_size=3),
)
def test_state_only_raises(chars: str, pending: str, programs: list[str]) -> None:
    """Whatever is known of a session, no effect of the input by itself is lost, and nothing raises."""
    context = shipped_context()
    state = replace(context, sessions={"1": Session(tuple(programs), pending)})
    alone, _ = typed(chars, context)
    told, later = typed(chars, state)
    assert effects(alone) - {Effect.READ} <= effects(told)
    assert len(later.sessions["1"].pending) <= MAX_PENDING_CHARS
    for action in told:
        assert all(0 <= item.start <= item.end <= len(action.text) for item in action.evidence)


def test_languages_of_prompts() -> None:
    """Programs that are not known have no language."""
    assert [language_of(name) for name in ("/bin/bash", "psql", "python3", "pwsh", "node", "vim", "fish")] == [
        "shell", "sql", "python", "powershell", "javascript", "", "shell",
    ]  # fmt: skip
