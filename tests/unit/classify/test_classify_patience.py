"""Texts that keep a grammar or the walker busy are given up early, by counting work and not by a clock."""

import pytest

from firewall.classify.draft import Source
from firewall.classify.shell.parse import parse
from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect
from tests.support.understanding import shipped_context


@pytest.mark.parametrize(
    "piece",
    ["a=(", "<<<", "|{", "a?", "((:", ">", "== )", "=~ ", ")=~ ", "|>", "a[\n", ";;A\n", "$x)", "[[ $(${"],
)
@pytest.mark.parametrize("size", [8_000, 60_000])
def test_tangled_text_is_given_up(piece: str, size: int) -> None:
    """Each of these took from half a second to many: none is parsed to its end, and all are unknown."""
    text = (piece * size)[:size]
    assert parse(Source(text)) is None
    found = {effect for action in actions_of_input("shell", text, shipped_context()) for effect in action.effects}
    assert Effect.UNKNOWN in found


@pytest.mark.parametrize(
    "text", ["rm a.txt; " * 8, "ls && (cd x; pwd)", "cat <<'EOF' > f\n" + "f([1, {2: 3}])\n" * 2000 + "EOF\n"]
)
def test_plain_text_is_parsed(text: str) -> None:
    """What people and agents write, large files in here-documents too, is well below every bound."""
    parsed = parse(Source(text))
    assert parsed is not None
    assert not parsed.root.has_error
    assert parsed.ticks < 40


def test_a_halted_text_leaves_nothing_behind() -> None:
    """The text after one that was given up is read as if nothing had been."""
    before = [action.effects for action in actions_of_input("shell", "git status; ls", shipped_context())]
    actions_of_input("shell", ">" * 60_000, shipped_context())
    assert [action.effects for action in actions_of_input("shell", "git status; ls", shipped_context())] == before


def test_thousands_of_words_are_not_read_one_by_one() -> None:
    """A command of more words than anybody would approve is unknown; a long one is read."""
    long = actions_of_input("shell", "cat " + "a " * 900, shipped_context())
    assert {effect for action in long for effect in action.effects} == {Effect.READ}
    longer = actions_of_input("shell", "cat a; cat " + "a " * 1900, shipped_context())
    assert Effect.UNKNOWN in {effect for action in longer for effect in action.effects}


def test_changes_within_changes_are_counted() -> None:
    """SQL that nests a change in a change in a change was read twice at each level; now its work is bounded."""
    text = "COPY t FROM PROGRAM (INSERT INTO t VALUES " * 300
    found = {effect for action in actions_of_input("sql", text, shipped_context()) for effect in action.effects}
    assert Effect.UNKNOWN in found
