"""How entries stand in the table of `stayhand audit search`."""

from firewall.cli.audit import table_of


def test_a_row_says_what_an_entry_is_about() -> None:
    """The worst action's words come first, then reasons and names; what was erased says so."""
    verdict = {
        "seq": 7, "at": "2026-11-21T12:00:00.000Z", "kind": "tool.judged",
        "data": {"verdict": "deny", "environment": "production", "effects": ["destructive"]},
        "private": {"actions": [{"resource": "volume:railway/vol_1", "summary": "deletes " + "x" * 100}]},
    }  # fmt: skip
    vote = {"seq": 8, "data": {"decision": "denied"}, "private": {"name": "alice", "reason": "not on a Friday"}}
    erased = {"seq": 9, "data": {}, "private": None, "erased": True}
    rows = table_of([verdict, vote, erased])
    assert [row["verdict"] for row in rows] == ["deny", "denied", ""]
    assert [row["what"] for row in rows] == ["deletes " + "x" * 71 + "…", "not on a Friday", "erased"]
    assert rows[0]["resource"] == "volume:railway/vol_1"
    assert rows[0]["effects"] == ["destructive"]
