"""What is other in a request than in the one before it of the same kind."""

from dataclasses import replace

from firewall.console.approving.comparing import compared
from firewall.core.approval import Approval, ApprovalStatus
from tests.support.approving import START_US, subject, view


def asked(number: int, text: str = "rm -rf /srv/data", **changes: object) -> Approval:
    """Build an approval of one shell line."""
    one = view(**({"text": text, "evidence": ()} | changes))
    return Approval(
        id=f"apr_{number}",
        status=ApprovalStatus.DENIED,
        digest="d",
        principal="prn",
        token="tok",
        session="",
        environment=one.environment,
        effects=one.effects,
        opened_at=START_US + number,
        expires_at=START_US + 10**9,
        subject=subject(actions=(one,), arguments=text),
    )


def test_what_differs_is_named_before_and_now() -> None:
    """Facts beside the text, and the lines that stand in one of both alone; how the earlier one ended."""
    old = asked(1, "cd /srv\nrm -rf /srv/data\nls")
    now = asked(2, "cd /srv\nrm -rf /srv/shop\nls", resource="file:/srv/shop", environment="production")
    found = compared(now, [old], now_us=START_US + 5)
    assert found is not None
    assert (found.id, found.status, found.count, found.looked) == ("apr_1", "denied", 1, 1)
    assert found.changes == (
        ("environment", "staging", "production"),
        ("resource", "file:/srv/data", "file:/srv/shop"),
    )
    assert (found.new_lines, found.gone_lines) == (("rm -rf /srv/shop",), ("rm -rf /srv/data",))
    assert not found.is_same


def test_only_the_same_tool_and_operation_are_of_one_kind() -> None:
    """The newest of that kind is compared; without one there is nothing to show, nor where nobody can read."""
    now = asked(9)
    other = asked(3, operation="shell:mv")
    assert compared(now, [other], now_us=START_US) is None
    assert compared(now, [], now_us=START_US) is None
    assert compared(replace(now, subject=None), [asked(1)], now_us=START_US) is None
    found = compared(now, [other, asked(2), asked(1, "rm other")], now_us=START_US)
    assert found is not None
    assert (found.id, found.count, found.looked, found.is_same) == ("apr_2", 2, 3, True)


def test_what_is_shown_is_bounded_and_spelled_out() -> None:
    """A thousand lines, a line without end, hidden characters."""
    text = "\n".join([f"echo {number}" for number in range(1_000)])
    found = compared(asked(2, text, resource="file:/x\u202e" + "y" * 5_000), [asked(1)], now_us=START_US)
    assert found is not None
    assert len(found.new_lines) == 8
    assert found.more == 992
    ((_, _, now),) = found.changes
    assert "⟦U+202E⟧" in now
    assert len(now) < 300
    long = compared(asked(2, "echo " + "z" * 100_000), [asked(1)], now_us=START_US)
    assert long is not None
    assert all(len(line) < 200 for line in long.new_lines)
