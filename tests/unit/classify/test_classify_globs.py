"""Globs: what they fit, what is refused when they are made, and that what was made can always be asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.globs import MAX_STARS, NOTHING, Glob, any_of, glob_pattern
from firewall.core.errors import ConfigError


@pytest.mark.parametrize(
    ("glob", "path", "text", "fits"),
    [
        ("*.example.com", False, "a.b.example.com", True),
        ("*.example.com", False, "example.com", False),
        ("prod-?", False, "prod-1", True),
        ("prod-?", False, "prod-12", False),
        ("a.c", False, "abc", False),
        ("/srv/*", True, "/srv/a", True),
        ("/srv/*", True, "/srv/a/b", False),
        ("/srv/**", True, "/srv/a/b", True),
        ("/srv/**", True, "/srv", True),
        ("**/.env", True, "/home/u/.env", True),
    ],
)
def test_what_a_glob_fits(glob: str, path: bool, text: str, fits: bool) -> None:  # noqa: FBT001 - a column of the table
    """A star stays within a segment of a path, and fits anything in a name; every other sign means itself."""
    made = glob_pattern(glob, path=path)
    assert [made.fullmatch(text) is not None for _ in range(2)] == [fits, fits]


@pytest.mark.parametrize("glob", ["", "*" * (2 * MAX_STARS + 1)])
def test_an_unusable_glob_is_refused_when_it_is_made(glob: str) -> None:
    """A file that holds one does not load; it is not first seen when a call is judged."""
    with pytest.raises(ConfigError):
        any_of(["fine", glob])


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_every_glob_that_was_made_can_be_asked(globs: list[str], path: bool, any_case: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever signs a glob holds, asking it raises nothing, and a glob without stars fits itself."""
    made = Glob(globs, path=path, any_case=any_case)
    for glob in globs:
        assert "*" in glob or made.fullmatch(glob) is not None


def test_no_globs_fit_nothing() -> None:
    """An empty list in a file means none, never all."""
    assert any_of(()) is NOTHING
    assert NOTHING.fullmatch("") is None
    assert NOTHING.fullmatch("a") is None
