"""The `requestState` of held calls: nobody reads, makes, changes or reuses one elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.codecs.mcp.errors import McpError
from firewall.gates.mcp.state import PREFIX, Seal, Ticket, is_ours

TICKET = Ticket("olga/coding-agent", "https://notes.example/mcp", "ab" * 32, "apr_1", until_us=1_000, round=3)
WHOSE = {"principal": TICKET.principal, "server": TICKET.server}


def is_refused(seal: Seal, state: str, now_us: int = 0, **changes: str) -> bool:
    """Tell whether a state is refused, with the one message that all refusals have."""
    whose = {**WHOSE, **changes}
    try:
        seal.opened(state, principal=whose["principal"], server=whose["server"], now_us=now_us)
    except McpError as error:
        return (error.code, error.number) == ("request_state_invalid", -32602)
    return False


def test_what_was_sealed_comes_back() -> None:
    """A ticket comes back as it was, for whom it was made, until it ends."""
    seal = Seal()
    state = seal.sealed(TICKET)
    assert is_ours(state)
    assert seal.opened(state, **WHOSE, now_us=999) == TICKET
    assert seal.sealed(TICKET) != state
    for secret in ("apr_1", "olga", "notes", "abab"):
        assert secret not in state


@pytest.mark.parametrize(
    "changes", [{"principal": "olga/other"}, {"principal": "eve/coding-agent"}, {"server": "sha256:1"}]
)
def test_another_principal_or_server_is_refused(changes: dict[str, str]) -> None:
    """A state is worth nothing to another agent, owner or server."""
    seal = Seal()
    assert is_refused(seal, seal.sealed(TICKET), **changes)


def test_an_ended_one_and_one_of_another_process_are_refused() -> None:
    """A state ends by itself, and with the process that made it."""
    seal = Seal()
    state = seal.sealed(TICKET)
    assert is_refused(seal, state, now_us=1_000)
    assert is_refused(Seal(), state)


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_no_changed_state_works(at: int, char: str) -> None:
    """One other character anywhere makes it worthless, or leaves the very same bytes."""
    seal = Seal()
    state = seal.sealed(TICKET)
    at %= len(state)
    changed = state[:at] + char + state[at + 1 :]
    assert changed == state or is_refused(seal, changed)


@given(st.text(max_size=80))
def test_no_made_up_state_works(text: str) -> None:
    """Whatever a client makes up is refused, and never more than that."""
    seal = Seal()
    assert is_refused(seal, text)
    assert is_refused(seal, PREFIX + text)
