"""Whom a call is accounted to: what the token fixes wins, then what a header says, then what metadata claims."""

import pytest

from firewall.core.attribution import Attribution
from firewall.core.errors import ProtocolError
from firewall.spend.attribution import HEADER, MOST, attributed, tags_of


def test_the_token_wins_over_the_header_and_the_header_over_metadata() -> None:
    """An agent cannot move its spending to somebody else's account."""
    headers = {HEADER: "feature=search, team=mine,ticket=7"}
    value = {"metadata": {"feature": "chat", "user_tier": "pro", "team": "x", "note": "not ours"}}
    assert attributed("platform", (("feature", "review"),), headers, value) == Attribution(
        feature="review", user_tier="pro", team="platform", tags=(("ticket", "7"),)
    )
    assert attributed("", (), headers, value).feature == "search"
    assert attributed("", (), {}, value) == Attribution(feature="chat", user_tier="pro", team="x")


def test_nothing_said_is_nobody_s() -> None:
    """A call without words has none, and what is no word in metadata is the client's own business."""
    assert attributed("", (), {}, {}) == Attribution()
    odd = {"metadata": {"feature": 7, "team": "a b", "user_tier": ""}}
    assert attributed("", (), {}, odd) == Attribution()
    assert attributed("", (), {}, {"metadata": "text"}) == Attribution()


def test_tags_are_a_list_of_words() -> None:
    """Spaces around are nothing; the order is by name."""
    assert tags_of(" b=2 ,a=x/y:z@1.0,, ") == (("a", "x/y:z@1.0"), ("b", "2"))
    assert tags_of("") == ()


@pytest.mark.parametrize(
    "text",
    [
        "feature",
        "feature=",
        "=x",
        "Feature=x",
        "feature=a b",
        "feature=-x",
        "a=1,a=2",
        f"a={'x' * 65}",
        "a=\u00e9",
        ",".join(f"t{number}=x" for number in range(MOST + 1)),
    ],
)
def test_what_is_no_tag_is_refused(text: str) -> None:
    """A header of ours that cannot be read is an error of the request, not a call without tags."""
    with pytest.raises(ProtocolError) as caught:
        tags_of(text)
    assert (caught.value.code, caught.value.status) == ("tags_invalid", 400)
