"""Header fields to and from a target, and refusals as problem documents."""

import orjson
import pytest

from firewall.core.errors import LimitError, ProtocolError
from firewall.core.reason import Reason
from firewall.core.secret import Secret
from firewall.core.verdict import Deny
from firewall.gates.infra import fields, problem
from firewall.gates.infra.fields import MAX_KEPT_BYTES, foreign_in, outgoing, returned
from firewall.guard.answer import Stop

TOKEN = "shd_staging_agent_x"


@pytest.mark.parametrize(
    ("name", "value", "foreign"),
    [
        (b"authorization", b"Bearer shd_staging_agent_x", False),
        (b"x-stayhand-token", b"shd_staging_agent_x", False),
        (b"x-api-key", b"shd_staging_agent_x", False),
        (b"authorization", b"Bearer ghp_other", True),
        (b"authorization", b"Basic dXNlcjpwYXNz", True),
        (b"cookie", b"a=b", True),
        (b"x-api-key", b"other", True),
        (b"api-key", b"other", True),
        (b"private-token", b"other", True),
        (b"x-amz-security-token", b"other", True),
        (b"x-vault-token", b"other", True),
        (b"project-access-token", b"other", True),
        (b"x-registry-auth", b"other", True),
        (b"x-csrf", b"other", False),
        (b"accept", b"other", False),
        (b"authorization", b"", False),
    ],
)
def test_a_credential_besides_our_token_is_foreign(name: bytes, value: bytes, *, foreign: bool) -> None:
    """Our token may stand in any field of credentials; anything else there is named."""
    found = foreign_in([(name, value)], TOKEN)
    assert (found is not None and found.where == f"header {name.decode()}") is foreign


@pytest.mark.parametrize(
    "name",
    [
        b"x-remote-user", b"x-remote-group", b"remote-user", b"x-webauth-user", b"x-authenticated-userid",
        b"x-goog-authenticated-user-email", b"x-amzn-oidc-identity", b"x-ms-client-principal-name",
        b"ssl-client-verify", b"x-ssl-client-dn", b"x-client-cert", b"x-forwarded-user", b"x-original-url",
    ],
)  # fmt: skip
def test_who_somebody_is_is_not_for_agents_to_say(name: bytes) -> None:
    """Servers believe the proxy before them, which we are: what proxies say of a caller stays here."""
    assert outgoing([(name, b"admin"), (b"accept", b"a/b")], injected="authorization") == [("accept", "a/b")]


def test_the_injected_field_is_nobody_elses() -> None:
    """A client cannot send the field that carries the target's credential, whatever it is called."""
    assert outgoing([(b"x-shop", b"a"), (b"x-other", b"b")], injected="x-shop") == [("x-other", "b")]


def test_parts_of_answers_are_not_asked_for_where_secrets_are_hidden() -> None:
    """In parts too short to be known a secret would pass: whole answers for who may see none, by any name."""
    asked = [(name, b"bytes=0-7") for name in (b"range", b"if-range", b"request-range", b"x-ms-range")]
    kept = [(b"accept", b"a/b")]
    assert outgoing([*asked, *kept], injected="", is_masked=True) == [("accept", "a/b")]
    assert len(outgoing([*asked, *kept], injected="")) == 5


def test_control_characters_are_refused() -> None:
    """A value that could end the line is an error, not a header more."""
    with pytest.raises(ProtocolError):
        outgoing([(b"x", b"a\r\nb: c")], injected="")


def test_answers_bring_back_nothing_that_authenticates() -> None:
    """Cookies, hop-by-hop fields, our own names and anything that holds the credential stay here."""
    raw = [
        (b"Content-Type", b"a"),
        (b"Set-Cookie", b"a"),
        (b"X-Stayhand-Entry", b"9"),
        (b"X-Echo", b"my secret here"),
        (b"Connection", b"x-gone"),
        (b"X-Gone", b"a"),
        (b"Location", b"/next"),
    ]
    assert returned(raw, Secret("secret")) == [(b"content-type", b"a"), (b"location", b"/next")]


def test_a_refusal_says_where_its_answer_can_be_waited_for() -> None:
    """403 with code, approval and status address; a retry time only while people may still decide."""
    status, headers, body = problem.of_stop("shop", Stop(7, Deny(Reason.HOLD_ENDED), "apr_1"))
    document = orjson.loads(body)
    assert status == 403
    assert (document["code"], document["approval_id"]) == (Reason.HOLD_ENDED.value, "apr_1")
    assert document["status_url"] == "/v1/approvals/apr_1"
    assert (b"x-stayhand-entry", b"7") in headers
    assert any(name == b"retry-after" for name, _ in headers)
    _, headers, body = problem.of_stop("shop", Stop(8, Deny(Reason.POLICY_DENY)))
    assert "approval_id" not in orjson.loads(body)
    assert not any(name == b"retry-after" for name, _ in headers)


def test_a_limit_says_when_to_come_back() -> None:
    """429 with Retry-After and its stable code."""
    status, headers, body = problem.of_error(LimitError("too many", retry_after_s=3))
    assert (status, orjson.loads(body)["code"]) == (429, "rate_limited")
    assert (b"retry-after", b"3") in headers


@pytest.mark.parametrize("char", [chr(code) for code in (*range(0x20), 0x7F) if chr(code) != "\t"])
def test_no_field_can_end_its_line(char: str) -> None:
    """A control character refuses a request's field and leaves an answer's out; a tab and letters pass."""
    value = f"a{char}b".encode("latin-1")
    with pytest.raises(ProtocolError):
        outgoing([(b"x-plain", value)], injected="authorization")
    assert returned([(b"x-plain", value), (b"x-tab", b"a\tb\xe9")], None) == [(b"x-tab", b"a\tb\xe9")]


def test_names_of_any_length_are_understood_and_short_ones_alone_remembered() -> None:
    """What an agent calls its fields fills no memory; what a long name says counts all the same."""
    long = b"x-" + b"a" * MAX_KEPT_BYTES
    before = fields._kept.cache_info().currsize
    for number in range(20):
        secret = b"%b-%d-api-key" % (long, number)
        assert foreign_in([(secret, b"other")], TOKEN) is not None
        assert outgoing([(secret, b"other"), (b"x-forwarded-" + long, b"a")], injected="") == []
    assert fields._kept.cache_info().currsize == before
    assert foreign_in([(b"x-seen-once-api-key", b"other")], TOKEN) is not None
    assert fields._kept.cache_info().currsize == before + 1 <= (fields._kept.cache_info().maxsize or 0)
