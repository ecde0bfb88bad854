"""Tokens can be refused without a query."""

import pytest

from firewall.core.token import TokenKind, parse, spell

TOKEN = spell("staging", TokenKind.AGENT, bytes(range(32)))


def test_token_has_the_documented_form() -> None:
    """`shd_<env>_<kind>_`, 30 characters, 6 of checksum."""
    head, _, tail = TOKEN.rpartition("_")
    assert head == "shd_staging_agent"
    assert len(tail) == 36
    parsed = parse(TOKEN)
    assert parsed is not None
    assert (parsed.environment, parsed.kind) == ("staging", TokenKind.AGENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shd_",
        TOKEN[:-1],
        TOKEN + "x",
        TOKEN[:-1] + ("0" if TOKEN[-1] != "0" else "1"),
        TOKEN.replace("agent", "admin"),
        TOKEN.replace("staging", "production"),
        TOKEN.replace("_agent_", "_root_"),
        TOKEN.upper(),
        TOKEN + "\n",
        TOKEN.replace("a", "\u0430"),
        "x" * 10_000,
        "' OR 1=1 --",
    ],
)
def test_malformed_and_altered_tokens_are_refused(text: str) -> None:
    """Another kind, another environment, one other character: the checksum does not fit."""
    assert parse(text) is None


def test_tokens_with_equal_beginnings_stay_distinct() -> None:
    """The whole token counts, not its first characters."""
    one = spell("staging", TokenKind.AGENT, bytes(31) + b"\x01")
    two = spell("staging", TokenKind.AGENT, bytes(31) + b"\x02")
    first, second = parse(one), parse(two)
    assert first is not None
    assert second is not None
    assert one[:40] == two[:40]
    assert first.fingerprint != second.fingerprint
