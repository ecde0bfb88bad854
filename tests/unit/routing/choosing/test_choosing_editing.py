"""One line of stayhand.toml is edited; every other byte stays, or nothing is edited at all."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.core.errors import ConfigError
from firewall.routing.choosing.editing import first_of, swapped

FILE = """# who answers
[server]
listen = "127.0.0.1:1"

[[route]]   # the first
name = 'other'
chain = ["a/1", "b/2"]

[[route]]
name = "coder"  # chain = ["x/1"]
when = { hours = "08:00-18:00" }
chain = [
    # preferred, since May
    'a/1',   # cheap
    "b/\\u0032", "c/3",
]  # end
weights = [1, 2, 3]
strategy = "weighted"

[route.retry]
attempts = 1

[[route]]
name = "last"
chain = ["a/1"]
"""


def test_the_first_member_alone_changes() -> None:
    """Comments, quotes, order and every other route stay to the byte."""
    new = swapped(FILE, "coder", "d/4")
    assert new == FILE.replace("'a/1',   # cheap", '"d/4",   # cheap')
    assert (first_of(FILE, "coder"), first_of(new, "coder")) == ("a/1", "d/4")


def test_one_who_stands_further_down_changes_places() -> None:
    """Nobody stands in a chain twice; weights keep their places."""
    new = swapped(FILE, "coder", "b/2")
    assert tomllib.loads(new)["route"][1]["chain"] == ["b/2", "a/1", "c/3"]
    assert swapped(swapped(FILE, "last", "z/9"), "last", "a/1") == FILE


@pytest.mark.parametrize(
    ("text", "route", "to", "words"),
    [
        (FILE, "nobody", "a/1", "there is no route `nobody`"),
        (FILE, "last", "a/1", "is first of route `last` already"),
        ('route = [{ name = "r", chain = ["a/1"] }]', "r", "b/2", "cannot be found in the file's text"),
        ('[[route]]\nname = "r"\nplanner = ["a/1"]', "r", "b/2", "has no chain to change"),
        ('[[route]\nname = "r"', "r", "b/2", "is not valid TOML"),
        ("route = 3", "r", "b/2", "there is no route `r`"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused(text: str, route: str, to: str, words: str) -> None:
    """And says what to do instead."""
    with pytest.raises(ConfigError) as refused:
        swapped(text, route, to)
    assert words in refused.value.public


@settings(max_examples=40)
@given(
    chains=st.lists(
        st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4, unique=True), min_size=1, max_size=3
    ),
    noise=st.text(alphabet="#[]\"'=, \n\tchainroute", max_size=30),
    to=st.text(min_size=1, max_size=8),
)
def test_whatever_the_file_says_only_the_chain_changes(chains: list[list[str]], noise: str, to: str) -> None:
    """What comes out reads as before but for that chain; where that cannot be had, nothing comes out."""
    text = f"note = '''{noise}'''\n" if "'''" not in noise and not noise.endswith("'") else ""
    for place, chain in enumerate(chains):
        members = ", ".join('"' + "".join(f"\\U{ord(sign):08x}" for sign in word) + '"' for word in chain)
        text += f'[[route]]\nname = "r{place}"\nchain = [{members}] # {place}\n'
    try:
        before = tomllib.loads(text)
        after = tomllib.loads(swapped(text, "r0", to))
    except (ConfigError, tomllib.TOMLDecodeError):
        return
    assert after["route"][0]["chain"][0] == to
    assert {**after, "route": after["route"][1:]} == {**before, "route": before["route"][1:]}
