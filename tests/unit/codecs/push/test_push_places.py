"""Where a subscription may lead: push services of the list, over https, and nothing that looks like one."""

import pytest

from firewall.codecs.push.places import USUAL, is_pattern, place_of
from firewall.core.errors import ProtocolError

_OWN = ("127.0.0.1:8443", "localhost:9", "push.example.com:8443", "*.wide.example.com")


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://fcm.googleapis.com/fcm/send/ab:APA91_c-d", "https://fcm.googleapis.com"),
        ("https://updates.push.services.mozilla.com/wpush/v2/gAAA=", "https://updates.push.services.mozilla.com"),
        ("https://web.push.apple.com/QK1", "https://web.push.apple.com"),
        ("https://db5p.notify.windows.com/w/?token=BQ%2bA%3d", "https://db5p.notify.windows.com"),
    ],
)
def test_the_known_push_services_are_known(endpoint: str, origin: str) -> None:
    """What Chrome, Firefox, Safari and Edge name is taken, and never for an address of ours."""
    place = place_of(endpoint, USUAL)
    assert place.origin == origin
    assert not place.is_private
    assert f"{place.origin}{place.path}{'?' if place.query else ''}{place.query}" == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com",
        "https://fcm.googleapis.com:443/x",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com./x",
        "https://FCM.googleapis.com/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://fcm.googleapis.com@evil.example/x",
        "https://evil.example\\@fcm.googleapis.com/x",
        "https://evil.example#@fcm.googleapis.com/x",
        "https://evil.example?.push.apple.com/x",
        "https://evilpush.apple.com/x",
        "https://push.apple.com/x",
        "https://.push.apple.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest",
        "https://2130706433/x",
        "https://localhost/x",
        "https://fcm.googleapis.com/a/../../b",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/a\r\nhost: evil",
        "https://fcm.googleapis.com/ä",
        "https://fcm.googleapis.com/x#y",
        "https://fcm.googleapis.com/" + "x" * 2048,
        "javascript:alert(1)",
    ],
)
def test_nothing_else_is_posted_to(endpoint: str) -> None:
    """A browser's word leads to no other host, port, scheme or account."""
    with pytest.raises(ProtocolError) as caught:
        place_of(endpoint, USUAL)
    assert caught.value.code == "push_endpoint_refused"
    assert "\r" not in caught.value.public


@pytest.mark.parametrize(
    ("endpoint", "is_private"),
    [
        ("https://127.0.0.1:8443/p", True),
        ("https://localhost:9/p", True),
        ("https://push.example.com:8443/p", False),
        ("https://a.b.wide.example.com/p", False),
    ],
)
def test_a_push_service_of_ones_own_is_named_exactly(endpoint: str, *, is_private: bool) -> None:
    """Only a host that is written as an address, or as this machine, may lie in a private network."""
    assert place_of(endpoint, _OWN).is_private is is_private
    with pytest.raises(ProtocolError):
        place_of(endpoint.replace(":8443", "").replace(":9", "").replace("wide", "other"), _OWN)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("push.example.com", True),
        ("*.push.example.com", True),
        ("push.example.com:8443", True),
        ("127.0.0.1:8443", True),
        ("localhost:1", True),
        ("*", False),
        ("*.com", False),
        ("*.*.example.com", False),
        ("push.*.com", False),
        ("https://push.example.com", False),
        ("Push.example.com", False),
        ("push.example.com/x", False),
        ("", False),
    ],
)
def test_hosts_are_names_with_at_most_one_star(text: str, *, is_one: bool) -> None:
    """A pattern that would match everything is none."""
    assert is_pattern(text) is is_one
