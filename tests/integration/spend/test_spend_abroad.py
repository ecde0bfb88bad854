"""Answers of providers of another dialect are paid by what those say they used, not by what its client is told."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.support.billed import BUDGET, billed, eventually
from tests.support.installation import Served

SETTINGS = (
    BUDGET
    + """
[[provider]]
name = "chat"
dialect = "openai-chat"
base_url = "{url}/v1"
api_key = {{ env = "SCRIPTED_KEY" }}

[[provider]]
name = "messages"
dialect = "anthropic"
base_url = "{url}"
api_key = {{ env = "SCRIPTED_KEY" }}

[[route]]
name = "kept"
chain = ["messages/hourly-kept"]

[[route]]
name = "endless"
chain = ["messages/hourly-endless"]

[[route]]
name = "silent"
chain = ["chat/hourly-silent"]
"""
)
PRICES = """
[[model]]
name = "hourly-*"
input_micros_per_million = 1000000
output_micros_per_million = 2000000
cache_write_micros_per_million = 2000000
cache_write_1h_micros_per_million = 40000000
"""
READ_MICROS = 10 * 1 + 90 * 40
"""What the input costs, most of it kept for an hour."""


@dataclass(slots=True)
class House:
    """A server whose routes lead abroad."""

    firewall: Served

    def asking(self, route: str, feature: str, *, stream: bool) -> tuple[str, dict[str, object]]:
        """Return address and arguments of a request in another dialect than its provider's."""
        token = self.firewall.mint(team="t", tags=[f"feature={feature}"])
        turns = [{"role": "user", "content": "hello"}]
        path = "/v1/messages" if route == "silent" else "/v1/chat/completions"
        body = {"model": route, "max_tokens": 50, "messages": turns, "stream": stream}
        headers = {"authorization": f"Bearer {token}"}
        return f"{self.firewall.agents}{path}", {"json": body, "headers": headers, "timeout": 60}

    def settled(self, feature: str) -> tuple[str, int, int, int, int]:
        """Return state, cost, input, input kept for an hour and output of the one call of a feature."""
        columns = "state, cost, input, cache_write_1h, output"
        query = f"SELECT {columns} FROM spend_calls WHERE feature = ? AND state <> 'open'"  # noqa: S608 - ours
        (line,) = eventually(self.firewall, query, feature)
        return line  # type: ignore[return-value]  # a row of the ledger


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server whose providers speak another dialect than its clients."""
    with billed(tmp_path_factory.mktemp("abroad"), SETTINGS, PRICES) as running:
        yield House(running)


@pytest.mark.parametrize("stream", [False, True])
def test_what_only_the_provider_s_dialect_can_say_is_paid(house: House, stream: bool) -> None:  # noqa: FBT001 - a column of the table
    """An hour's cache has no word in Chat Completions: the bill has it all the same."""
    address, asked = house.asking("kept", f"kept-{stream}", stream=stream)
    said = httpx.post(address, trust_env=False, **asked)  # type: ignore[arg-type]  # arguments of a request
    assert said.status_code == 200, said.text
    assert house.settled(f"kept-{stream}") == ("exact", READ_MICROS + 20 * 2, 100, 90, 20)
    if not stream:
        assert said.headers["x-stayhand-cost-micros"] == str(READ_MICROS + 20 * 2)


def test_who_hangs_up_pays_what_the_provider_had_counted_by_then(house: House) -> None:
    """The input was counted when the answer began, an hour's cache included; the output is an estimate."""
    address, asked = house.asking("endless", "endless", stream=True)
    with httpx.stream("POST", address, trust_env=False, **asked) as said:  # type: ignore[arg-type]  # as above
        next(said.iter_bytes())
    state, cost, read, kept, _ = house.settled("endless")
    assert (state, read, kept) == ("estimated", 100, 90)
    assert READ_MICROS < cost <= READ_MICROS + 50 * 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_does_not_count_is_never_free(house: House, stream: bool) -> None:  # noqa: FBT001 - a column of the table
    """Its client is told zeros, since its dialect wants numbers: the ledger knows that nobody counted."""
    address, asked = house.asking("silent", f"silent-{stream}", stream=stream)
    said = httpx.post(address, trust_env=False, **asked)  # type: ignore[arg-type]  # as above
    assert said.status_code == 200, said.text
    assert "x-stayhand-cost-micros" not in said.headers
    state, cost, *_ = house.settled(f"silent-{stream}")
    assert state == "estimated"
    assert cost >= 50 * 2
