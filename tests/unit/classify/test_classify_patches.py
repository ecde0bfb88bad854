"""Patches: recorded ones, names wherever they stand, and nothing but counted lines taken for content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.filetools import patch
from firewall.classify.patches import plain_name, read_patch
from firewall.classify.rows import Verb
from firewall.classify.text import actions_of_input
from firewall.classify.tool import actions_of, start_scope
from firewall.core.effect import Effect, ordered
from tests.support.understanding import call, cases, shipped_context
from tests.support.work import MAX_CALLS, counted

STOPPED = {Effect.UNKNOWN, Effect.PRIVILEGE, Effect.DESTRUCTIVE}


def effects(text: str, kind: str = "patch") -> set[Effect]:
    """Return all effects of a patch."""
    return {effect for action in actions_of_input(kind, text, shipped_context()) for effect in action.effects}


def test_recorded_patches() -> None:
    """Every recorded patch has exactly the effects of its row."""
    wrong = []
    for row in cases("patch"):
        actions = actions_of_input("patch", str(row["input"]), shipped_context())
        found = [e.value for e in ordered(e for a in actions for e in a.effects)]
        if found != row["effects"]:
            wrong.append((row["input"], found, row["effects"]))
    assert wrong == []
    assert len(cases("patch")) > 70


def test_a_header_within_a_change_is_content() -> None:
    """A removed SQL comment looks like a header of the old file; the counts of the hunk say that it is none."""
    text = "--- a/x.sql\n+++ b/x.sql\n@@ -1,2 +1,2 @@\n--- /srv/a\n-b\n+++ /etc/passwd\n+c\n"
    assert [(item.verb, item.name) for item in read_patch(text).items] == [(Verb.EDIT, "x.sql")]


def test_a_header_behind_a_change_counts() -> None:
    """What stands behind the counted lines of a hunk is read as a header again."""
    text = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n--- a/.git/hooks/y\n+++ b/.git/hooks/y\n@@ -1 +1 @@\n-a\n+b\n"
    assert Effect.PRIVILEGE in effects(text)


def test_evidence_stands_at_the_deciding_name() -> None:
    """The span is the name in its header, also where the same name stands in the text before."""
    text = "*** Begin Patch\n*** Add File: notes.txt\n+see .mcp.json\n*** Add File: .mcp.json\n+{}\n*** End Patch"
    drafts = patch(text, shipped_context(), start_scope(shipped_context()))
    (privileged,) = [draft for draft in drafts if Effect.PRIVILEGE in draft.effects]
    starts = [item.start for item in privileged.evidence if text[item.start : item.end] == ".mcp.json"]
    assert starts == [text.rindex(".mcp.json")]


@pytest.mark.parametrize(
    "command",
    [
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Delete File: src/a.ts\n*** End Patch\nEOF",
        "apply_patch '*** Begin Patch\n*** Delete File: src/a.ts\n*** End Patch'",
        "git apply <<'EOF'\n--- a/src/a.ts\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\nEOF",
        "patch -p1 <<'EOF'\n--- a/src/a.ts\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\nEOF",
        "printf '%s' '--- a/src/a.ts\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n' | git apply",
        "git apply -R <<'EOF'\n--- /dev/null\n+++ b/src/a.ts\n@@ -0,0 +1 @@\n+a\nEOF",
        "patch -d /srv -p1 <<'EOF'\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\nEOF",
    ],
)
def test_patches_in_a_shell_line(command: str) -> None:
    """A patch that a shell line holds is read as one; turned round or put elsewhere it is unknown."""
    assert effects(command, "shell") & STOPPED


@pytest.mark.parametrize(
    "second", ["./run.sh", "bash run.sh", "sh ./run.sh", "chmod +x run.sh && ./run.sh", "source run.sh"]
)
def test_a_script_that_is_written_and_run_is_unknown(second: str) -> None:
    """A patch that writes a script which the next call runs leaves nobody a look at it."""
    code = (
        "await tools.apply_patch(`*** Begin Patch\n*** Add File: run.sh\n+rm -rf /\n*** End Patch`); "
        f"await tools.exec_command({{cmd: '{second}'}})"
    )
    found = {effect for action in actions_of(call("exec", code), shipped_context()) for effect in action.effects}
    assert Effect.UNKNOWN in found


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a/x", "a/x"), ('"a/\\303\\251"', "a/é"), ('"a\\tb\\"c"', 'a\tb"c'), ('"', '"'), ('"a/\\\\x"', "a/\\x")],
)
def test_quoted_names(name: str, plain: str) -> None:
    """Git's quoting of names is undone byte by byte."""
    assert plain_name(name) == plain


_LINES = st.sampled_from(
    """*** Begin Patch|*** End Patch|*** Add File: a|*** Delete File: .git/x|*** Move to: /etc/x|+a|-a| a|@@
@@ -1 +1 @@|--- a/x|+++ b/x
+++ /dev/null|diff --git a/x b/y|rename from a|x||new file mode 120000|<<'EOF'|EOF|Index: x
\\ No newline at end of file|--- "a/\\1|\r""".replace("\n", "|").split("|")
)


@given(st.lists(_LINES, max_size=30))
def test_any_lines_are_read_or_unknown(lines: list[str]) -> None:
    """Nothing raises, nothing is empty, and a name that a header holds is never passed over without a word."""
    text = "\n".join(lines)
    found = effects(text)
    assert found
    if "*** Begin Patch" in lines[:1] and "*** Delete File: .git/x" in lines:
        assert found & STOPPED


@pytest.mark.parametrize(
    "text",
    [
        "+a\n" * 60_000,
        "*** Begin Patch\n*** Add File: a\n" + "+x\n" * 40_000 + "*** End Patch",
        "--- " + "a " * 20_000,
        "diff --git " + "a " * 20_000,
        "*** Add File: " + " " * 40_000,
    ],
)
def test_long_patches_are_bounded(text: str) -> None:
    """Length costs little."""
    found, calls = counted(lambda: effects(text))
    assert found
    assert calls < MAX_CALLS
