"""One entry of a run in words: what is said of it, what is left out, what was erased."""

import pytest

from audit import Entry
from firewall.console.runs.story import MOST_CHARS, line

AT_US = 1_795_262_400_000_000


def _entry(kind: str, data: dict[str, object]) -> Entry:
    return Entry(seq=7, at=AT_US, kind=kind, principal="", approval="", data=data, subject="", sealed_sha256="")  # type: ignore[arg-type]  # plain values


def test_a_kind_that_nobody_knows_is_named_as_it_is() -> None:
    """A kind that is added later is on the page before it has words."""
    found = line(7, _entry("later.added", {}), None, is_sealed=False)
    assert (found.title, found.area, found.is_erased, found.said) == ("later.added", "later", False, ())


def test_a_long_text_is_cut_where_the_entry_has_all_of_it() -> None:
    """The timeline stays one."""
    found = line(7, _entry("tool.judged", {"verdict": "allow"}), {"tool": "x" * 5000}, is_sealed=True)
    assert len(found.said[0]) == MOST_CHARS + 2


@pytest.mark.parametrize("private", [{"actions": "none"}, {"actions": [1, {"summary": ""}]}, {"value": 3}, {}])
def test_what_is_no_action_is_left_out(private: dict[str, object]) -> None:
    """Nothing that was sealed in another form breaks the page."""
    assert line(7, _entry("tool.judged", {"effects": "read"}), private, is_sealed=True).said == ()


def test_money_and_errors_are_said() -> None:
    """Whole micro-dollars; what the agent reports is its claim."""
    data: dict[str, object] = {"cost_micros": 12, "reported_error": True, "outcome": "answered"}
    found = line(7, _entry("model.answered", data), None, is_sealed=False)
    assert found.facts == ("outcome answered", "$0.000012", "the agent reports an error")
    assert line(7, _entry("model.answered", {}), None, is_sealed=True).is_erased
