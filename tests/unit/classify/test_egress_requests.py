"""Requests to listed hosts: what they do there, and what their address could carry out."""

import base64

import pytest

from firewall.classify.egress import EgressRow, is_among, read_egress
from firewall.classify.egress_requests import actions_of_egress, bound_egress
from firewall.classify.reader import Reader
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect
from firewall.core.errors import ConfigError
from firewall.core.outgoing import Outgoing
from tests.support.understanding import shipped_context

HOST = "pypi.org"
LEAKED = "postgres://app:hunter2hunter2@db.example.com/app"


def _effects(outgoing: Outgoing) -> set[Effect]:
    call = ToolCall("egr_1", f"egress/{outgoing.host}", outgoing.encode(), form=CallForm.REQUEST)
    return {effect for action in actions_of_egress(call, shipped_context()) for effect in action.effects}


def _get(path: str, query: str = "", host: str = HOST, **more: object) -> set[Effect]:
    return _effects(Outgoing("GET", path, query, host=host, scope="https", **more))  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize(
    ("host", "path", "query"),
    [
        (HOST, "/simple/requests/", ""),
        (
            "files.pythonhosted.org",
            (
                "/packages/ab/cd/0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab/"
                "a_package-1.0-py3-none-any.whl.metadata"
            ),
            "",
        ),
        ("registry.npmjs.org", "/@types%2fnode", ""),
        ("proxy.golang.org", "/golang.org/x/sys/@v/v0.0.0-20220811171246-fbc7d0a398ab.zip", ""),
        ("github.com", "/acme/app.git/info/refs", "service=git-upload-pack"),
        ("registry.npmjs.org", "/-/v1/search", "text=left-pad&size=20"),
        (
            "release-assets.githubusercontent.com",
            "/github-production-release-asset/1/2",
            "sp=r&sv=2018-11-09&sig=" + "A" * 600 + "&jwt=" + "e" * 300,
        ),
    ],
)
def test_what_programs_really_ask_for_is_a_read(host: str, path: str, query: str) -> None:
    """Indexes, files, versions, searches and signed addresses of releases."""
    assert _get(path, query, host) == {Effect.READ}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/simple/x/", "q=" + "a" * 200),
        ("/" + "a" * 600, ""),
        ("/simple/x/", "d=" + base64.b64encode(LEAKED.encode()).decode()),
        ("/simple/" + base64.urlsafe_b64encode(LEAKED.encode()).decode().rstrip("="), ""),
        ("/simple/" + LEAKED.encode().hex(), ""),
    ],
)
def test_an_address_that_could_carry_data_is_exfil(path: str, query: str) -> None:
    """Longer than anything a program of that host asks for, or an encoded credential."""
    assert Effect.EXFIL in _get(path, query)


def test_a_long_field_is_searched_like_an_address() -> None:
    """A credential in a User-Agent is seen, pip's long one is not mistaken for it."""
    agent = 'pip/23.0.1 {"ci":null,"cpu":"x86_64","distro":{"id":"bookworm","libc":{"lib":"glibc"}},' + "x" * 300
    assert _get("/simple/x/", headers=(("user-agent", agent),)) == {Effect.READ}
    leaking = "x " * 150 + base64.b64encode(LEAKED.encode()).decode()
    assert Effect.EXFIL in _get("/simple/x/", headers=(("user-agent", leaking),))


@pytest.mark.parametrize(
    ("method", "body", "effect"),
    [
        ("POST", b"x=1", Effect.UNKNOWN),
        ("PUT", b"{}", Effect.UNKNOWN),
        ("DELETE", b"", Effect.DESTRUCTIVE),
    ],
)
def test_other_methods_are_judged_like_those_of_curl(method: str, body: bytes, effect: Effect) -> None:
    """Publishing and deleting are never reads."""
    assert effect in _effects(Outgoing(method, "/-/x", host="registry.npmjs.org", scope="https", body=body))


def test_where_it_lands_is_asked_of_the_rows() -> None:
    """A host that no row names is unresolved; the address is known to the guard."""
    call = ToolCall("1", "egress/x", Outgoing("GET", "/a", host="docs.rs", scope="https").encode())
    (action,) = actions_of_egress(call, shipped_context())
    assert (action.environment, action.reach.addresses) == ("unresolved", ("docs.rs:443/a",))
    assert action.target == ""


def test_what_cannot_be_read_is_unknown() -> None:
    """Bytes that are no request raise nothing."""
    call = ToolCall("1", "egress/x", b"nonsense")
    (action,) = actions_of_egress(call, shipped_context())
    assert action.effects == (Effect.UNKNOWN,)
    assert bound_egress(call) == b"nonsense"


def test_rows_are_checked() -> None:
    """A row says what it is and names hosts; addresses, unknown keys and globs for everything are refused."""
    good = read_egress(Reader({"egress": [{"what": "docs", "hosts": ["a.example", "*.b.example"]}]}, "hosts.toml"))
    assert good == (EgressRow(("a.example", "*.b.example"), "docs"),)
    for row in (
        {"what": "x", "hosts": []},
        {"hosts": ["a.example"]},
        {"what": "x", "hosts": ["*"]},
        {"what": "x", "hosts": ["*.com."]},
        {"what": "x", "hosts": ["10.0.0.1"]},
        {"what": "x", "hosts": ["a.example"], "methods": ["POST"]},
    ):
        with pytest.raises(ConfigError):
            read_egress(Reader({"egress": [row]}, "hosts.toml"))


def test_a_star_stands_for_everything_below() -> None:
    """Not for the domain itself, and not for one that merely ends alike."""
    assert is_among("x.b.example", ("*.b.example",))
    assert not is_among("b.example", ("*.b.example",))
    assert not is_among("xb.example", ("*.b.example",))
