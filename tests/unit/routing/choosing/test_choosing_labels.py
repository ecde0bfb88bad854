"""What a call's text holds: found once, in every dialect, whatever the tags say."""

import json
import tomllib
from dataclasses import dataclass, field

import pytest

from firewall.classify.personal.scanner import Scanner, read_kinds
from firewall.core.dialect import Dialect
from firewall.policy.defaults import shipped
from firewall.routing.choosing.labels import Labels
from tests.support.choosing import call_of, tags
from tests.support.credentials import DETECTOR

SCANNER = read_kinds(tomllib.loads((shipped() / "personal.toml").read_text("utf-8")))
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "%s"}
KEY = "ghp_" + "w7R2kq9XbT4mZs8LdPvY3nHc6JfA1eGu5oQi"
CARD = "4111 1111 1111 1111"


@dataclass(slots=True)
class Bench:
    """A search with the shipped rules; the scanner can be changed."""

    scanner: Scanner = SCANNER
    labels: Labels = field(init=False)

    def __post_init__(self) -> None:
        """Make the search."""
        self.labels = Labels(lambda: DETECTOR, lambda: self.scanner)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (Dialect.ANTHROPIC, {"system": [{"type": "text", "text": "%s"}]}),
        (
            Dialect.ANTHROPIC,
            {"messages": [{"role": "user", "content": [RESULT]}]},
        ),
        (Dialect.OPENAI_CHAT, {"messages": [{"role": "tool", "tool_call_id": "c", "content": "%s"}]}),
        (Dialect.OPENAI_RESPONSES, {"input": [{"type": "function_call_output", "call_id": "c", "output": "%s"}]}),
        (Dialect.GEMINI, {"contents": [{"role": "user", "parts": [{"text": "%s"}]}]}),
    ],
)
def test_prompts_and_results_are_searched_in_every_dialect(dialect: Dialect, body: dict[str, object]) -> None:
    """Credentials and personal data, each with its label; a call without either has none."""
    labels = Bench().labels

    def found(text: str) -> frozenset[str]:
        return labels.of(call_of(dialect=dialect, **json.loads(json.dumps(body) % text)))

    assert found("nothing of note, said by nobody") == frozenset()
    assert found(f"token {KEY} card {CARD}") == {"credentials", "personal", "personal:card"}


def test_what_is_said_counts_beside_what_is_found() -> None:
    """A tag of the request adds a label even where the token's own tags say something else."""
    call = call_of(about=tags(sensitivity="internal"), headers={"x-stayhand-tags": "sensitivity=secret+legal"})
    assert Bench().labels.of(call) == {"secret", "legal"}


def test_pictures_are_no_text() -> None:
    """Base64 is neither searched nor taken for a credential."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": KEY * 200}}
    assert Bench().labels.of(call_of(messages=[{"role": "user", "content": [image]}])) == frozenset()


MAIL = "mia.keller@kunde-beispiel.de"


def deep(value: object, levels: int) -> object:
    """Return a value within so many objects."""
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(f"{number};{MAIL}" for number in range(200)),
        json.dumps({"rows": [MAIL] * 200}, separators=(",", ":")),
        [{"type": "tool_use", "id": "t", "name": "n", "input": {"data": MAIL, "type": "x"}}],
        [{"type": "tool_use", "id": "t", "name": "n", "input": {"type": MAIL}}],
        [{"type": "tool_use", "id": "t", "name": "n", "input": {"signature": f"by {MAIL}"}}],
        [{"type": "tool_use", "id": "t", "name": "n", "input": {MAIL: 1}}],
        [{"type": "tool_use", "id": "t", "name": "n", "input": deep(MAIL, 90)}],
    ],
    ids=["lines", "packed JSON", "data", "type", "signature", "name of a field", "deep"],
)
def test_no_form_hides_a_text_from_the_search(content: object) -> None:
    """A table without spaces, and members of a caller's own making: a model reads all of it."""
    found = Bench().labels.of(call_of(messages=[{"role": "user", "content": content}]))
    assert "personal:email" in found


def test_a_credential_is_found_where_data_may_lie() -> None:
    """Pictures are long: what is short under their name is searched, although a key is spelt like base64."""
    part = {"type": "tool_use", "id": "t", "name": "n", "input": {"data": KEY}}
    assert Bench().labels.of(call_of(messages=[{"role": "user", "content": [part]}])) == {"credentials"}


def test_a_long_text_is_searched_once_until_the_rules_change() -> None:
    """Every turn brings the history again; a policy that is loaded makes all that was found old."""
    bench = Bench()
    call = call_of(messages=[{"role": "user", "content": f"{'word ' * 300} {CARD}"}])
    assert bench.labels.of(call) == bench.labels.of(call) == {"personal", "personal:card"}
    bench.scanner = Scanner()
    assert bench.labels.of(call) == frozenset()
