"""Addresses in a target's answer: its own become ours, a redirect elsewhere is refused."""

import pytest

from firewall.gates.infra.redirects import RedirectError, pointing_here, without_location

BASE = "https://api.example.com/base"


def pointed(status: int, *raw: tuple[bytes, bytes], path: str = "/v1/items", raw_paths: bool = False) -> object:
    """Rewrite the fields of an answer of the target `shop`."""
    return pointing_here(status, raw, name="shop", base_url=BASE, path=path, raw_paths=raw_paths)


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (b"https://api.example.com/base/v2/items?page=2", b"/infra/shop/v2/items?page=2"),
        (b"https://API.example.com:443/base", b"/infra/shop/"),
        (b"/base/v2/items", b"/infra/shop/v2/items"),
        (b"other", b"/infra/shop/v1/other"),
        (b"?page=2", b"/infra/shop/v1/items?page=2"),
        (b"//api.example.com/base/x", b"/infra/shop/x"),
        (b"https://api.example.com/base/x#fragment", b"/infra/shop/x"),
    ],
)
def test_own_addresses_become_ours(value: bytes, ours: bytes) -> None:
    """A redirect within the target leads to the same place behind the gate, where it is judged anew."""
    assert pointed(302, (b"Location", value), (b"x-kept", b"1")) == [(b"Location", ours), (b"x-kept", b"1")]


@pytest.mark.parametrize(
    "value",
    [
        b"https://elsewhere.example.com/base/x",
        b"http://api.example.com/base/x",
        b"https://api.example.com:8443/base/x",
        b"https://api.example.com/basement",
        b"https://api.example.com/other",
        b"https://joe@api.example.com/base/x",
        b"https://api.example.com/base/../admin",
        b"https://api.example.com/base/a%2f..%2fb",
        b"//169.254.169.254/latest",
        b"/base/a;b",
        b"javascript:alert(1)",
        b"https://[::1",
        b"\xff",
        b"",
    ],
)
def test_a_redirect_that_leaves_the_target_is_refused(value: bytes) -> None:
    """Another scheme, host, port or path, user information, dots, what cannot be read: no address goes along."""
    if value == b"":
        assert pointed(302, (b"location", value)) == [(b"location", b"/infra/shop/v1/items")]
        return
    with pytest.raises(RedirectError) as refused:
        pointed(302, (b"location", value))
    assert "signed" not in refused.value.public
    assert pointed(201, (b"location", value)) == []


def test_a_refusal_names_the_host_and_never_the_path() -> None:
    """What is signed into an address is not told to anybody."""
    with pytest.raises(RedirectError) as refused:
        pointed(302, (b"location", b"https://files.example.com/x?X-Amz-Signature=abc"))
    assert "`files.example.com`" in refused.value.public
    assert "abc" not in refused.value.public


def test_pages_lead_back_here_and_strangers_links_stay() -> None:
    """`Link` is rewritten address by address; what leads elsewhere is a text like others."""
    value = b'<https://api.example.com/base/v1/items?page=2>; rel="next", <https://docs.example.com/x>; rel="help"'
    assert pointed(200, (b"link", value)) == [
        (b"link", b'</infra/shop/v1/items?page=2>; rel="next", <https://docs.example.com/x>; rel="help"')
    ]
    assert pointed(200, (b"content-location", b"https://elsewhere/x"), (b"refresh", b"0; url=http://x")) == []


def test_paths_that_a_target_opts_into_go_along() -> None:
    """Where the target takes `%2F`, so does the address of its redirect."""
    assert pointed(307, (b"location", b"/base/a%2Fb"), raw_paths=True) == [(b"location", b"/infra/shop/a%2Fb")]


def test_answers_without_addresses_are_left_alone() -> None:
    """Most answers point nowhere; a 304 is one of them."""
    assert pointed(304, (b"ETag", b'"1"')) == [(b"ETag", b'"1"')]
    assert without_location([(b"Location", b"x"), (b"x-amz-bucket-region", b"eu-west-1")]) == [
        (b"x-amz-bucket-region", b"eu-west-1")
    ]
