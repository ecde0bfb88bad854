"""Names at `/mcp`."""

from hypothesis import given
from hypothesis import strategies as st

from firewall.gates.mcp.prefixing import prefixed, split

SERVERS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
NAMES = st.text(min_size=1, max_size=40)


@given(server=SERVERS, name=NAMES, is_address=st.booleans())
def test_every_name_leads_back_to_its_server(server: str, name: str, *, is_address: bool) -> None:
    """Whatever a server is called and whatever it calls its own: the prefix comes off in one way only."""
    assert split(prefixed(server, name, is_address=is_address)) == (server, name)


def test_a_name_without_a_server_leads_nowhere() -> None:
    """Nothing is guessed."""
    for name in ("", "add", "__add", "shop__", "shop_add", "mcp-+x", "mcp-shop+", "file:///etc/passwd"):
        found = split(name)
        assert found is None or found[0] == "", name
