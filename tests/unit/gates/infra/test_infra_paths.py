"""Paths of the infrastructure gate: one reading, or none."""

import pytest

from firewall.core.errors import ProtocolError
from firewall.gates.infra.paths import TargetError, checked, place_of


def test_target_and_path_are_told_apart() -> None:
    """The name ends at the first slash; what follows is the target's own path."""
    assert place_of(b"/infra/shop/v1/x") == ("shop", b"/v1/x")
    assert place_of(b"/infra/shop") == ("shop", b"/")


@pytest.mark.parametrize("path", [b"/infra/", b"/infra//x", b"/infra/Shop/x", b"/infra/a_b/x", b"/infra/%73hop/x"])
def test_a_name_is_plain_or_there_is_none(path: bytes) -> None:
    """Capitals, underscores and escapes name no target."""
    with pytest.raises(TargetError):
        place_of(path)


@pytest.mark.parametrize(
    "path", [b"/", b"/a/b", b"/a/", b"/a%20b", b"/a:b@c", b"/.well-known/x", b"/a..b", b"/..."]
)
def test_plain_paths_pass(path: bytes) -> None:
    """They are sent as they are, in both modes."""
    assert checked(path, raw=False) == checked(path, raw=True) == path.decode()


@pytest.mark.parametrize("path", [b"/a%2Fb", b"/a//b", b"/a;x=1", b"/a%3Bb", b"/a%5cb"])
def test_ambiguous_paths_pass_only_where_a_target_asks_for_them(path: bytes) -> None:
    """Opting in is per target."""
    assert checked(path, raw=True) == path.decode()
    with pytest.raises(ProtocolError):
        checked(path, raw=False)


@pytest.mark.parametrize(
    "path",
    [
        b"/..", b"/a/../b", b"/./a", b"/a/.", b"/%2e%2e/a", b"/.%2E/a", b"/a%2f..%2fb", b"/a%5c..%5cb", b"/..;/a",
        b"/%2e;x/a",
        b"/a%00", b"/a%0d%0a", b"/a%7f", b"/a\\b", b"/a b", b"/a%zz", b"/a?b", b"/a#b", b"a", b"/\xff",
    ],
)  # fmt: skip
def test_what_a_server_could_read_otherwise_never_passes(path: bytes) -> None:
    """Dots, control characters, broken escapes and delimiters are refused in both modes."""
    for raw in (False, True):
        with pytest.raises(ProtocolError):
            checked(path, raw=raw)
