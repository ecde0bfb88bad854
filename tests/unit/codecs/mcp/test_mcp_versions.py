"""Revisions of the Model Context Protocol."""

from firewall.codecs.mcp.versions import ALL, LEGACY, MODERN, agreed, is_modern


def test_one_revision_is_stateless_and_the_others_shake_hands() -> None:
    """Every revision belongs to one era."""
    assert [version for version in ALL if is_modern(version)] == [MODERN]
    assert len(set(ALL)) == len(ALL) == 1 + len(LEGACY)


def test_a_handshake_settles_on_what_the_client_speaks() -> None:
    """A revision of the handshake's era that we speak is taken, anything else is answered with our newest."""
    assert [agreed(version) for version in LEGACY] == list(LEGACY)
    for odd in (MODERN, "2024-11-05", "1.0", None, 7, []):
        assert agreed(odd) == LEGACY[0]
