"""PowerShell: recorded texts, agents' tools that speak it, what stands inside `pwsh -c` and encoded text."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.text import actions_of_input
from firewall.classify.tool import actions_of
from firewall.core.effect import Effect, ordered
from tests.support.understanding import call, cases, shipped_context

REMOVAL = "Remove-Item -Recurse -Force /srv/data"


def effects(kind: str, text: str) -> set[Effect]:
    """Return all effects of a text."""
    return {effect for action in actions_of_input(kind, text, shipped_context()) for effect in action.effects}


def test_recorded_effects() -> None:
    """Every recorded text has exactly the effects that its row says."""
    wrong = []
    for case in cases("powershell"):
        actions = actions_of_input("powershell", str(case["input"]), shipped_context())
        found = [effect.value for effect in ordered(effect for action in actions for effect in action.effects)]
        if found != case["effects"]:
            wrong.append((case["input"], found, case["effects"]))
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("exec_command", {"cmd": REMOVAL, "shell": "pwsh"}),
        ("exec_command", {"cmd": REMOVAL, "shell": "/usr/local/bin/pwsh"}),
        ("exec_command", {"cmd": REMOVAL, "shell": "C:\\Windows\\System32\\powershell.exe"}),
        ("PowerShell", {"command": REMOVAL}),
        ("shell", {"command": ["pwsh", "-NoProfile", "-Command", REMOVAL]}),
    ],
)
def test_tools_that_speak_powershell(name: str, arguments: dict[str, object]) -> None:
    """A shell tool whose shell is PowerShell is read as PowerShell, and only that."""
    found = {
        effect for action in actions_of(call(name, arguments), shipped_context()) for effect in action.effects
    }
    assert found == {Effect.DESTRUCTIVE}


@pytest.mark.parametrize(
    "text",
    [
        "pwsh -c '{}'",
        "pwsh -Command '{}'",
        "powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command '{}'",
        "powershell.exe /c '{}'",
        "powershell '{}'",
        "sudo pwsh -nop -c '{}'",
        "echo '{}' | pwsh -",
        "pwsh <<< '{}'",
        "bash -c \"pwsh -c '{}'\"",
        "ssh h \"pwsh -c '{}'\"",
        "env A=b pwsh -com '{}'",
        "pwsh -c {}",
    ],
)
def test_text_given_to_powershell(text: str) -> None:
    """Whatever hands it over, the text is read."""
    assert Effect.DESTRUCTIVE in effects("shell", text.format(REMOVAL))


@pytest.mark.parametrize("option", ["-enc", "-e", "-ec", "-EncodedCommand", "-encod", "/EncodedCommand"])
def test_encoded_text_is_decoded(option: str) -> None:
    """Text in base64 of UTF-16 is read as what it says; what does not decode is unknown."""
    encoded = base64.b64encode(REMOVAL.encode("utf-16-le")).decode()
    assert Effect.DESTRUCTIVE in effects("shell", f"powershell {option} {encoded}")
    assert Effect.UNKNOWN in effects("shell", f"powershell {option} ????")


NAMES = st.sampled_from(["Remove-Item", "rm", "ri", "rd", "erase", "del", "rmdir", "Clear-Content", "REMOVE-ITEM"])
FORMS = st.sampled_from(
    [
        "{}",
        "{} -Recurse",
        "& '{}'",
        "&{{ {} }}",
        "if ($x) {{ {} }}",
        "try {{ {} }} catch {{}}",
        "ls | % {{ {} }}",
        "iex '{}'",
        "function f {{ {} }}; f",
        "$x = {}",
        "({})",
        "$({})",
        '"$({})"',
        "@({})",
        "while ($true) {{ {} }}",
        "foreach ($i in 1) {{ {} }}",
        "switch (1) {{ 1 {{ {} }} }}",
        "Invoke-Command {{ {} }}",
        "ls; {}",
        "ls && {}",
        "Start-Job {{ {} }}",
        ". {{ {} }}",
        "{} | Out-Null",
        "{} > $null",
        "1..3 | ForEach-Object {{ {} }}",
        "{} 2>&1",
        "Invoke-Expression -Command '{}'",
        "# x\n{}",
        "ls |\n{}",
    ]
)


@settings(max_examples=200, deadline=None)
@given(name=NAMES, form=FORMS, ticks=st.booleans())
def test_a_removal_is_stopped_wherever_it_stands(name: str, form: str, ticks: bool) -> None:  # noqa: FBT001 - drawn
    """Blocks, substitutions, aliases, case and back-ticks hide no removal."""
    written = f"{name[0]}`{name[1:]}" if ticks and name[1] not in "abefnrtvu0" else name
    line = form.format(f"{written} /srv/data")
    assert effects("powershell", line) & {Effect.DESTRUCTIVE, Effect.UNKNOWN, Effect.EXEC}, line


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="abR-$(){}[]'\"`;|&<>.:@,#% \n\\=é1", max_size=120))
def test_any_text_gets_an_answer(text: str) -> None:
    """No text raises, and there always is an action with an effect; spans lie inside the text."""
    actions = actions_of_input("powershell", text, shipped_context())
    assert actions
    for action in actions:
        assert action.effects
        assert all(0 <= item.start <= item.end <= len(action.text) for item in action.evidence)
