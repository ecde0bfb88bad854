"""Paths of the infrastructure gate have one reading, whichever way it is found out."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from firewall.core.errors import ProtocolError
from firewall.gates.infra.paths import checked

PIECES = ("/", "/", "x", "x", "X9-_", ".", "..", "%2e", "%2F", "%5c", "%00", "%zz", ";", "\\", "?", " ")


def passes(path: str, *, raw: bool) -> bool:
    """Tell whether a path is sent as it stands."""
    try:
        return checked(path.encode(), raw=raw) == path
    except ProtocolError:
        return False


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.booleans())
def test_usual_paths_are_held_to_what_all_are_held_to(pieces: Sequence[str], raw: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """Letters alone pass just where `~` in their places does, which is looked at closely."""
    usual, close = "".join(pieces), "".join(pieces).replace("x", "~").replace("X9-_", "~")
    assert passes(usual, raw=raw) is passes(close, raw=raw)
