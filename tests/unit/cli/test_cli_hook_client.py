"""`stayhand hook AGENT`: what is taken for an allow, and from where its token comes."""

from pathlib import Path

import pytest

from firewall.cli import hook_client
from firewall.cli.hook_client import NoAnswerError

ALLOW = b'{"verdict":"allow"}'


def _whole(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def test_a_complete_answer_is_read() -> None:
    """A whole 200 with an object is an answer."""
    assert hook_client._parsed(_whole(ALLOW)) == {"verdict": "allow"}


@pytest.mark.parametrize("end", range(len(_whole(ALLOW))))
def test_an_answer_that_breaks_off_is_none(end: int) -> None:
    """Wherever the connection ends, half an answer lets nothing run."""
    with pytest.raises(NoAnswerError):
        hook_client._parsed(_whole(ALLOW)[:end])


@pytest.mark.parametrize("status", [b"201 Created", b"2000", b"403 Forbidden", b"503 No", b"100 Continue", b"20"])
def test_no_other_status_is_an_answer(status: bytes) -> None:
    """Only 200 is."""
    with pytest.raises(NoAnswerError):
        hook_client._parsed(_whole(ALLOW, status))


def test_the_refusals_own_words_are_told() -> None:
    """What was wrong with the question stands in the denial."""
    with pytest.raises(NoAnswerError, match="the event is no good"):
        hook_client._parsed(_whole(b'{"detail":"the event is no good","code":"x"}', b"400 No"))


@pytest.mark.parametrize("body", [b'{"detail":"the token is missing","code":"token_invalid"}', b"{}"])
def test_a_token_that_is_not_accepted_is_named_as_that(body: bytes) -> None:
    """The firewall is there and answers: what helps is another token, and the denial says how to get one."""
    with pytest.raises(
        NoAnswerError, match=r"does not accept the agent.s token.*stayhand run.*stayhand token mint"
    ):
        hook_client._parsed(_whole(body, b"401 Unauthorized"))


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"STAYHAND_AGENT_TOKEN": "shd_a", "ANTHROPIC_API_KEY": "shd_b"}, "shd_a"),
        ({"STAYHAND_AGENT_TOKEN": "", "ANTHROPIC_API_KEY": "sk-ant", "GEMINI_API_KEY": "shd_c"}, "shd_c"),
        ({"ANTHROPIC_CUSTOM_HEADERS": "x-stayhand-token: shd_d"}, "shd_d"),
    ],
)
def test_the_token_is_found_where_agents_have_it(variables: dict[str, str], found: str) -> None:
    """An agent that is pointed at us needs no second setting; a provider's own key is never sent."""
    assert hook_client.token_of({}, variables) == found


@pytest.mark.parametrize("variables", [{}, {"ANTHROPIC_API_KEY": "sk-ant-x"}, {"STAYHAND_AGENT_TOKEN": "shd_a b"}])
def test_no_token_is_no_answer(variables: dict[str, str]) -> None:
    """Without one nothing is asked."""
    with pytest.raises(NoAnswerError, match="no token"):
        hook_client.token_of({}, variables)


def test_a_token_may_lie_in_a_file(tmp_path: Path) -> None:
    """The file is read whole, and a missing one is no token."""
    (tmp_path / "token").write_text("shd_f\n")
    assert hook_client.token_of({"--token-file": str(tmp_path / "token")}, {}) == "shd_f"
    with pytest.raises(NoAnswerError, match="no token"):
        hook_client.token_of({"--token-file": str(tmp_path / "none")}, {"STAYHAND_AGENT_TOKEN": "shd_a"})


@pytest.mark.parametrize("url", ["", "http://", "http://host", "ftp://host:1", "http://host:port", "host:80"])
def test_an_address_that_cannot_be_read_is_no_answer(url: str) -> None:
    """Nothing is sent to what is not understood."""
    with pytest.raises(NoAnswerError, match="must read"):
        hook_client.ask(url, "/hooks/codex", "shd_a", b"{}")
