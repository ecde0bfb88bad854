"""What an approval is about, as it is sealed: read back as it was, and a text that actions share written once."""

from dataclasses import asdict, replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.core.errors import StoreError
from firewall.sequencer.sealing import read_subject, subject_json
from tests.support.approving import subject, view


@given(texts=st.lists(st.sampled_from(["", "a", "b\n", "é", "c" * 400]), max_size=8))
def test_whatever_actions_share_is_read_back_as_it_was(texts: list[str]) -> None:
    """Each action has its own text again, and none stands there more often than once."""
    held = subject(actions=tuple(view(text=text, operation=f"o{at}") for at, text in enumerate(texts)))
    written = subject_json(held)
    assert read_subject(written) == held
    assert written.count(b"c" * 400) <= 1


def test_where_nothing_is_shared_versions_before_read_it() -> None:
    """One action, or several with texts of their own, are written as they always were."""
    for held in (subject(), subject(actions=(view(text="a"), view(text="b"))), subject(actions=())):
        assert subject_json(held) == orjson.dumps(asdict(held))


def test_what_versions_before_wrote_is_read() -> None:
    """Each action with a copy of the text that they share."""
    held = subject(actions=(view(), view(operation="other")))
    assert read_subject(orjson.dumps(asdict(held))) == held


@pytest.mark.parametrize("number", [-1, 1, "0", None, 1.0])
def test_a_text_that_is_not_there_makes_it_unreadable(number: object) -> None:
    """No action is shown with the text of another, or with none."""
    row = orjson.loads(subject_json(subject(actions=(view(), replace(view(), operation="other")))))
    row["actions"][1]["text"] = number
    with pytest.raises(StoreError):
        read_subject(orjson.dumps(row))
