"""What an API answered: read with care, gone through with bounds, made facts that are absent when unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.reader import Reader
from firewall.classify.resolvers import answers, facts
from firewall.classify.resolvers.paths import MAX_VALUES, reach
from firewall.classify.resolvers.vendor import Fact, read_vendor

NOW = 1_795_262_400_000_000
"""2026-11-21T12:00:00Z."""
HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a.b", [1, 2]),
        ("a", [{"b": 1}, {"b": 2}, {"c": None}]),
        ("a.c", []),
        ("labels.app\\.io/env", ["prod"]),
        ("tags[Key=env|Environment].Value", ["live"]),
        ("tags[Key=ENVIRONMENT].Value", ["live"]),
        ("tags[Key=owner].Value", []),
        ("", None),
    ],
)
def test_a_path_reaches_what_is_there(path: str, wanted: list[object] | None) -> None:
    """Lists are gone through, names may hold dots, a filter chooses by a key; what is not there yields nothing."""
    value = {
        "a": [{"b": 1}, {"b": 2}, {"c": None}],
        "labels": {"app.io/env": "prod"},
        "tags": [{"Key": "Environment", "Value": "live"}, {"Key": "x", "Value": "y"}],
    }
    assert reach(value, path) == ([value] if wanted is None else wanted)


def test_a_long_list_is_cut() -> None:
    """No answer makes anybody walk without an end."""
    assert len(reach({"a": [1] * (MAX_VALUES + 10)}, "a")) == MAX_VALUES


_PLAIN = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(_PLAIN, lambda x: st.lists(x) | st.dictionaries(st.text(), x)), st.text())
def test_no_answer_and_no_path_raises(value: object, path: str) -> None:
    """Whatever an API says, walking through it only finds or does not find."""
    assert isinstance(reach(value, path), list)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[" * 5000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b"<a><!DOCTYPE x [<!ENTITY b 'c'>]></a>",
        b"<!DOCTYPE x [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<a><b></a>",
        b"<a>" * 3000 + b"</a>" * 3000,
        b"x" * (answers.MAX_ANSWER_BYTES + 1),
    ],
)
def test_what_cannot_be_read_is_nothing(data: bytes) -> None:
    """Broken, nested, oversized answers and documents with entities are not read at all."""
    found = answers.read(data)
    assert found is None or not reach(found, "a.b.c.d")


def test_xml_is_read_as_json_would_be() -> None:
    """Repeated elements are lists, namespaces are dropped."""
    data = b'<R xmlns="urn:x"><L><I><N>a</N></I><I><N>b</N></I></L><One><N>c</N></One></R>'
    assert answers.read(data) == {"L": {"I": [{"N": "a"}, {"N": "b"}]}, "One": {"N": "c"}}


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-21T12:00:00Z", NOW),
        ("2026-11-21T12:00:00.000Z", NOW),
        ("2026-11-21T13:00:00+01:00", NOW),
        ("2026-11-21T12:00:00", NOW),
        (NOW / 1e6, NOW),
        (NOW / 1e3, NOW),
        (True, None),
        ("yesterday", None),
        (-5, None),
        (None, None),
    ],
)
def test_instants(value: object, at: int | None) -> None:
    """ISO 8601 and unix times are read; anything else is no time."""
    assert facts.instant(value) == at


def test_what_the_answer_does_not_hold_is_absent() -> None:
    """Never false, never zero: nothing can be met by not knowing."""
    rules = [Fact(name, path="x.y") for name in ("name", "size_mb", "backup_at", "protected", "etag", "row_count")]
    assert facts.gathered(rules, [{"x": {}}]) == {}
    assert facts.attributes({}, NOW) == {}


def test_sizes_are_summed_and_a_doubtful_one_is_not_known() -> None:
    """Several instances count together; one that is no number makes the sum unknown."""
    rule = [Fact("size_mb", path="i.s")]
    assert facts.gathered(rule, [{"i": [{"s": 10.4}, {"s": "5"}]}]) == {"size_mb": 15}
    assert facts.gathered(rule, [{"i": [{"s": 10.4}, {"s": "lots"}]}]) == {}
    assert facts.gathered([Fact("size_quantity", path="s")], [{"s": "10Gi"}]) == {"size_mb": 10240}
    assert facts.gathered([Fact("size_gb", path="s")], [{"s": 2}]) == {"size_mb": 2048}


def test_the_restore_point_that_the_call_would_leave_counts() -> None:
    """An older one elsewhere is worth more than a newer one that goes with the thing."""
    inside = {"backup_at": NOW - HOUR, "backups": 3}
    both = {**inside, "backup_at_outside": NOW - 30 * HOUR}
    assert facts.attributes(inside, NOW)["backup_age_h"] == 1
    assert facts.attributes(inside, NOW)["backup_outside_blast_radius"] is False
    assert facts.attributes(both, NOW)["backup_age_h"] == 30
    assert facts.attributes(both, NOW)["backup_outside_blast_radius"] is True
    assert "backup_age_h" not in facts.attributes({"backups": 0}, NOW)
    assert "backup_age_h" not in facts.attributes({"backup_at_outside": NOW + HOUR}, NOW)


def test_an_age_is_met_until_the_day_is_over() -> None:
    """`backup_age_h < 24` holds until 24 hours have passed, and not a minute longer."""
    almost = facts.attributes({"backup_at": NOW - 24 * HOUR + 1}, NOW)["backup_age_h"]
    over = facts.attributes({"backup_at": NOW - 24 * HOUR}, NOW)["backup_age_h"]
    assert (almost, over) == (23, 24)


def test_people_are_told_in_plain_words() -> None:
    """The incident's line: how old the last restore point is, and where it lies."""
    raw = {"name": "shop-data", "owner": "shop", "size_mb": 18432, "backups": 3, "backup_at": NOW - 92 * 24 * HOUR}
    raw["backup_where"] = "stored in the same volume"
    told = facts.said(raw, "volume", ("production", "staging"), NOW)
    assert told == [
        ("Found", "volume shop-data of shop, in production and staging, 18.0 GB"),
        ("Restore point", "last restore point 3 months old, stored in the same volume: lost with it"),
    ]
    assert "none" in facts.said({"backups": 0}, "volume", (), NOW)[1][1]


def test_what_an_api_says_cannot_dress_up() -> None:
    """Markup, backticks and hidden signs are taken out, length is bounded."""
    hostile = "<script>`x`</script>\u202e\n" + "a" * 500
    shown = facts.clean(hostile)
    assert not set(shown) & set("<>`\n\u202e")
    assert len(shown) <= 120


def test_state_is_bound_but_for_what_moves_by_itself() -> None:
    """Rounded facts are bound with two digits, drifting ones as known; the time of use is not bound."""
    table = {"kind": "v", "rounded": ["size_mb"], "drifting": ["backup_at"]}
    rule = read_vendor(Reader({"provider": "x", "thing": [table]}, "x")).things["v"]
    raw = {"size_mb": 18432, "backup_at": NOW, "last_used_at": NOW, "etag": "7", "updated_at": NOW}
    assert facts.bound(raw, rule) == (
        ("backup_at", "known"),
        ("etag", "7"),
        ("size_mb", "18000"),
        ("updated_at", "2026-11-21T12:00:00Z"),
    )


def test_several_questions_about_one_thing_are_put_together() -> None:
    """The newest instant counts, restore points are counted together, of anything else the later word."""
    one: facts.Raw = {"backup_at": 5, "backups": 1, "name": "a"}
    other: facts.Raw = {"backup_at": 3, "backups": 2, "name": "b"}
    assert facts.merged(one, other) == {"backup_at": 5, "backups": 3, "name": "b"}
    assert facts.merged({}, other) == other


def test_what_can_be_put_back_to_now_has_a_restore_point_of_now() -> None:
    """Where the answer has a bookmark; where it has none nothing is known."""
    rule = (Fact("backup_at", path="bookmark", value="now"),)
    assert facts.gathered(rule, [{"bookmark": "x"}], NOW) == {"backup_at": NOW}
    assert facts.gathered(rule, [{}], NOW) == {}


@pytest.mark.parametrize(
    ("partial", "wanted"), [("true", {}), ("next", {}), ("false", {"holds": 2}), (None, {"holds": 2})]
)
def test_what_is_only_a_part_is_not_counted(partial: str | None, wanted: facts.Raw) -> None:
    """A list that goes on has no number."""
    rule = (Fact("holds", path="Key", unless="More"),)
    assert facts.gathered(rule, [{"Key": ["a", "b"], "More": partial}]) == wanted
