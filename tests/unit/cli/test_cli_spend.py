"""Reports as people read them: dollars in tables and bars, micro-USD for spreadsheets, and no formulas."""

from firewall.cli.spend import APPROVED, WIDTH, csv_of, plot_of, table_of

ROWS = [
    {
        "feature": "search", "calls": 3, "cost_micros": 1_500_000, "estimated_micros": 750_000,
        "unpriced_calls": 0, "input_tokens": 7, "cached_tokens": 2, "output_tokens": 1,
    },
    {"feature": "=HYPERLINK(1)", "calls": 1, "cost_micros": 1, "unpriced_calls": 2},
]  # fmt: skip


def test_a_table_has_dollars() -> None:
    """Every decimal that matters, and nothing where nothing is known."""
    first, second = table_of(ROWS, ["feature"])
    assert (first["cost"], first["estimated"], first["in"], first["cached"]) == ("$1.50", "$0.75", 7, 2)
    assert (second["cost"], second["unpriced"], second["approved_by"]) == ("$0.000001", 2, "-")


def test_a_spreadsheet_runs_no_word_as_a_formula() -> None:
    """Words that begin like formulas are text; amounts are whole micro-USD."""
    lines = csv_of(ROWS, ["feature"]).split("\r\n")
    assert lines[1] == "search,3,1500000,750000,0,7,2,1"
    assert lines[2].startswith("'=HYPERLINK(1),1,1,")
    approved = {"feature": "f", "approved_by": "@alice", "approved_at": "2026-11-02", "review_by": ""}
    lines = csv_of([approved], ["feature"], more=APPROVED).split("\r\n")
    assert lines[0].endswith(",output_tokens,approved_by,approved_at,review_by")
    assert lines[1] == "f,0,0,0,0,0,0,0,'@alice,2026-11-02,"
    assert csv_of([{"feature": "-"}], ["feature"]).split("\r\n")[1].startswith("-,")


def test_bars_are_as_long_as_the_money() -> None:
    """The dearest fills the width, its estimated half is lighter, the smallest is still seen."""
    first, second = plot_of(ROWS, ["feature"]).splitlines()
    assert (first.count("█"), first.count("░")) == (WIDTH // 2, WIDTH // 2)
    assert second.count("█") == 1
    assert "2 calls without a price" in second
    assert plot_of([], ["feature"]) == "nothing was spent\n"
    assert plot_of([{"cost_micros": 0}], []).startswith("all")
