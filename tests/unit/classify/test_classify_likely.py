"""Paths of which only a part is known, literals that hide text, variables that decide what runs."""

import zlib

import pytest

from firewall.classify.decode import from_base64, from_hex, inflate
from firewall.classify.likely import ends_of, globbed
from firewall.classify.shell.variables import decides, waits
from tests.support.understanding import shipped_context


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$x/.ssh/id_rsa", "/$x/.ssh/id_rsa"),
        ("${HOME}/.aws/credentials", "/.aws/credentials"),
        ("$(find ~ -name .netrc)", "/.netrc"),
        ("${X:-/etc/shadow}", "/etc/shadow"),
        ("$x/.s*/id_*", "/x/$x/.ssh/id_rsa"),
    ],
)
def test_ends_of(text: str, wanted: str) -> None:
    """Each piece of an unknown word that could be a path is one, with what its glob may stand for."""
    assert wanted in ends_of(text)


def test_globbed() -> None:
    """A glob stands for the samples that it fits; one that says nothing stands for none of them."""
    assert "/h/.ssh/id_rsa" in globbed(("/h",), ".s*/id_*")
    assert "/h/.env" in globbed(("/h",), ".e*")
    assert "/h/x.pem" in globbed(("/h",), "*.pem")
    assert globbed(("/h",), "*") == ("/h", "/h/x")


def test_guesses_are_bounded() -> None:
    """However long a word is, few paths are made up for it."""
    assert len(ends_of("$x/.a " * 5000)) < 200
    assert len(globbed(("/a", "/b", "/c"), ".*/*")) < 100


def test_decode() -> None:
    """Base64, hex and compressed text are read within bounds; what is none of them is nothing."""
    assert from_base64("cm0gLXJm") == b"rm -rf"
    assert from_base64("!!") is None
    assert from_hex("726d") == b"rm"
    assert from_hex("zz") is None
    assert inflate(zlib.compress(b"rm -rf")) == b"rm -rf"
    assert inflate(zlib.compress(b"x" * 1_000_000)) is None


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("PATH", "$PATH:/usr/local/go/bin", False),
        ("PATH", "$HOME/.local/bin:$PATH", False),
        ("PATH", "./bin:$PATH", True),
        ("PATH", "/usr/bin/../../srv:$PATH", True),
        ("GIT_PAGER", "cat", False),
        ("GIT_PAGER", "sh -c id", True),
        ("LD_PRELOAD", "./x.so", True),
        ("PYTHONPATH", "src:.", False),
        ("PYTHONPATH", "/srv/x", True),
        ("PYTHONPATH", "../x", True),
        ("NODE_ENV", "test", False),
    ],
)
def test_variables_that_decide(name: str, value: str, wanted: bool) -> None:  # noqa: FBT001 - a table
    """A variable decides what runs by its name and its value, a search path by where its parts lie."""
    assert decides(name, value, value, shipped_context()) is wanted


def test_a_path_waits_unless_anybody_writes_there() -> None:
    """`PATH` on its own changes nothing yet, except with a folder in which anybody may put programs."""
    assert waits("./bin:$PATH", shipped_context())
    assert not waits("$TMPDIR/bin:$PATH", shipped_context())
