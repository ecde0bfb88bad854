"""Where clients of the forward proxy may say that they want to go."""

import pytest

from firewall.core.errors import ProtocolError
from firewall.gates.egress.places import Place, agrees, is_name, of_absolute, of_connect


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (b"docs.example.com:443", Place("docs.example.com", 443)),
        (b"DOCS.Example.com:8443", Place("docs.example.com", 8443)),
        (b"xn--bcher-kva.example:443", Place("xn--bcher-kva.example", 443)),
        (b"localhost:1", Place("localhost", 1)),
    ],
)
def test_plain_names_are_read(target: bytes, place: Place) -> None:
    """A name and a port, whatever the case of its letters."""
    assert of_connect(target) == place


@pytest.mark.parametrize(
    "target",
    [
        b"docs.example.com",
        b"docs.example.com:",
        b"docs.example.com:0",
        b"docs.example.com:0443",
        b"docs.example.com:65536",
        b"docs.example.com.:443",
        b"docs..example.com:443",
        b".example.com:443",
        b"user@docs.example.com:443",
        b"127.0.0.1:443",
        b"127.1:443",
        b"2130706433:443",
        b"0x7f000001:443",
        b"0x7f.1:443",
        b"[::1]:443",
        b"[::ffff:127.0.0.1]:443",
        b"::1:443",
        b"docs.example.com%2eevil.example:443",
        b"docs.example.com/x:443",
        "docs\u3002example.com:443".encode(),
        b"docs.example.com:443:443",
        b"a" * 254 + b".example:443",
    ],
)
def test_whatever_could_be_read_twice_is_refused(target: bytes) -> None:
    """Addresses in any spelling, dots at the end, users, escapes and look-alikes are no names."""
    with pytest.raises(ProtocolError) as found:
        of_connect(target)
    assert (found.value.code, found.value.status) == ("egress_place_malformed", 400)


def test_absolute_addresses_become_a_place_and_a_path() -> None:
    """Plain http alone; path and query stay as they are."""
    assert of_absolute(b"http://deb.example.com/a%2Fb?c=d") == (
        Place("deb.example.com", 80, "http"),
        b"/a%2Fb?c=d",
    )
    assert of_absolute(b"HTTP://Deb.example.com:8080") == (Place("deb.example.com", 8080, "http"), b"/")
    assert of_absolute(b"http://deb.example.com?x=1") == (Place("deb.example.com", 80, "http"), b"/?x=1")


@pytest.mark.parametrize(
    "target",
    [
        b"/path",
        b"*",
        b"https://deb.example.com/x",
        b"ftp://deb.example.com/x",
        b"http://user:pass@deb.example.com/x",
        b"http://127.0.0.1/x",
        b"http://[::1]/x",
        b"http://deb.example.com./x",
        b"http://deb.example.com:0/x",
        b"http://deb.example.com:/x",
        b"http://deb.example.com/x#y",
        b"http:///x",
        b"http://deb.example.com\\@evil.example/x",
    ],
)
def test_other_absolute_addresses_are_refused(target: bytes) -> None:
    """Other schemes, users, addresses, fragments: 400."""
    with pytest.raises(ProtocolError):
        of_absolute(target)


def test_host_agrees_with_and_without_the_usual_port() -> None:
    """The usual port may be left out, another one may not, and another name never agrees."""
    assert agrees(Place("a.example", 443), b"a.example")
    assert agrees(Place("a.example", 443), b"A.example:443")
    assert not agrees(Place("a.example", 8443), b"a.example")
    assert not agrees(Place("a.example", 443), b"b.example")
    assert not agrees(Place("a.example", 443), b"a.example.")
    assert agrees(Place("a.example", 80, "http"), b"a.example")
    assert not agrees(Place("a.example", 80, "http"), b"a.example:443")


def test_names_are_told_from_addresses() -> None:
    """A name whose last part is a number is an address to somebody."""
    assert is_name("3.example")
    assert not is_name("example.3")
    assert not is_name("example.0x3")
