"""Money through the real server: what an answer cost, who paid, who is refused, and who hangs up."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread

import httpx
import orjson
import pytest

from firewall.demo.serving import served
from tests.support.billed import eventually, rows
from tests.support.billing import PRICES, USAGE, USED_MICROS, Billing
from tests.support.installation import Served, cli, install, serving

SETTINGS = """
[spend]
slice_output_tokens = 100

[[budget]]
scope = "team"
window = "day"
holders = "capped*"
soft_micros = 4000
hard_micros = 6000

[[budget]]
scope = "team"
window = "month"
holders = "wide"
hard_micros = 1000000000

[[budget]]
scope = "team"
window = "day"
holders = "short"
hard_micros = 40000

[[rate]]
scope = "team"
holders = "slow"
tokens_per_minute = 60

[[rate]]
scope = "team"
holders = "curious*"
requests_per_minute = 1

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

[[provider]]
name = "breaking"
dialect = "openai-chat"
base_url = "{breaking}/v1"
api_key = {{ env = "SCRIPTED_KEY" }}

[[route]]
name = "breaking"
models = ["priced-breaking"]
chain = ["breaking/priced-breaking"]
"""


APPROVED = """approved_by = "irene"
approved_at = 2026-11-02
review_by = 2027-05-02
"""
"""Of the models that PRICES ends with."""


class Breaking(StreamRequestHandler):
    """Reads a request and closes the connection."""

    def handle(self) -> None:
        """Read as much as has come."""
        self.request.recv(65536)


@contextmanager
def breaking() -> Iterator[str]:
    """Serve connections that break before any answer."""
    with TCPServer(("127.0.0.1", 0), Breaking) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@dataclass(slots=True)
class House:
    """A server with budgets and the provider behind it."""

    firewall: Served
    provider: Billing

    def ask(
        self,
        token: str,
        model: str = "priced-ok",
        *,
        tags: str = "",
        path: str = "/v1/chat/completions",
        **more: object,
    ) -> httpx.Response:
        """Ask for an answer of fifty tokens."""
        body = {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}], **more}
        headers = {"authorization": f"Bearer {token}", **({"x-stayhand-tags": tags} if tags else {})}
        return httpx.post(f"{self.firewall.agents}{path}", json=body, headers=headers, trust_env=False, timeout=60)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Read the database as an auditor would."""
        return rows(self.firewall, query, *values)

    def settled(self, entry: str) -> tuple[object, ...]:
        """Return the ledger's line of a call once it is settled."""
        query = (
            "SELECT state, cost, input, output, provider, model, team, feature, tags, attempts "
            "FROM spend_calls WHERE entry = ? AND state <> 'open'"
        )
        return eventually(self.firewall, query, int(entry))[0]

    def eventually(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query once there are some."""
        return eventually(self.firewall, query)

    def held(self) -> int:
        """Return what all accounts hold."""
        return int(str(self.rows("SELECT total(held) FROM spend_accounts")[0][0]).partition(".")[0])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server whose provider says what it used."""
    billing = Billing()
    with served(billing.app) as url, breaking() as broken:
        settings = SETTINGS.format(url=url, breaking=broken)
        installed = install(tmp_path_factory.mktemp("money"), settings=settings)
        models = installed.config.parent / "policies" / "models.toml"
        models.write_text((models.read_text() if models.exists() else "") + PRICES + APPROVED)
        with serving(installed) as running:
            yield House(running, billing)


def test_an_answer_says_what_it_cost_and_the_ledger_keeps_whose_it_was(house: House) -> None:
    """The header, the entry and the ledger agree; the token's team wins over the header's."""
    token = house.firewall.mint(team="wide", tags=["feature=search"])
    said = house.ask(token, tags="team=other,feature=x,user_tier=pro,ticket=7")
    assert said.status_code == 200, said.text
    assert said.headers["x-stayhand-cost-micros"] == str(USED_MICROS)
    line = house.settled(said.headers["x-stayhand-entry"])
    assert line == (
        "exact", USED_MICROS, 100, 20, "chat", "priced-ok", "wide", "search", '{"ticket":"7"}', 1,
    )  # fmt: skip
    rows = house.rows("SELECT body FROM audit_entries WHERE kind = 'model.answered' ORDER BY seq DESC LIMIT 1")
    assert b'"cost":"exact"' in bytes(rows[0][0])  # type: ignore[call-overload]  # a blob
    assert b'"cost_micros":%d' % USED_MICROS in bytes(rows[0][0])  # type: ignore[call-overload]  # a blob


def test_cached_tokens_of_anthropic_are_input_and_are_paid_once(house: House) -> None:
    """Ten read afresh and ninety from the cache are a hundred, at our own price for input."""
    said = house.ask(house.firewall.mint(), path="/v1/messages")
    assert said.headers["x-stayhand-cost-micros"] == str(USED_MICROS)
    assert house.settled(said.headers["x-stayhand-entry"])[2:4] == (100, 20)


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("/v1/embeddings", {"input": "hello"}, ("exact", 30, 30, 0)),
        ("/v1/images/generations", {"prompt": "a tree", "n": 1}, ("exact", 10 + 2 * 4_000, 10, 4_000)),
    ],
)
def test_embeddings_and_pictures_are_paid_as_well(
    house: House, path: str, body: dict[str, object], line: tuple[object, ...]
) -> None:
    """Whatever place a model is asked at, its tokens are in the ledger and its cost in the header."""
    token = house.firewall.mint(team="wide")
    said = httpx.post(
        f"{house.firewall.agents}{path}", json={"model": "priced-ok", **body}, trust_env=False, timeout=60,
        headers={"authorization": f"Bearer {token}"},
    )  # fmt: skip
    assert said.status_code == 200, said.text
    assert said.headers["x-stayhand-cost-micros"] == str(line[1])
    assert house.settled(said.headers["x-stayhand-entry"])[:4] == line
    assert house.held() == 0


def test_an_embedding_that_breaks_off_is_an_upper_estimate(house: House) -> None:
    """The provider had read it: that no answer came is no reason to book nothing."""
    token = house.firewall.mint(team="wide", tags=["feature=broken-off"])
    said = httpx.post(
        f"{house.firewall.agents}/v1/embeddings", json={"model": "priced-breaking", "input": "hello"},
        headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=60,
    )  # fmt: skip
    assert said.status_code == 502
    ((state, cost),) = house.eventually("SELECT state, cost FROM spend_calls WHERE feature = 'broken-off'")
    assert (state, house.held()) == ("estimated", 0)
    assert isinstance(cost, int)
    assert cost > 0


@pytest.mark.parametrize("asks", [True, False])
def test_a_stream_is_settled_by_its_counts_whether_its_client_asked_or_not(house: House, asks: bool) -> None:  # noqa: FBT001 - a column of the table
    """The provider is always asked for them; who did not ask does not see them."""
    more: dict[str, object] = {"stream_options": {"include_usage": True}} if asks else {}
    said = house.ask(house.firewall.mint(team="wide"), stream=True, **more)
    assert ('"usage":{' in said.text) is asks
    assert said.text.endswith("data: [DONE]\n\n")
    assert house.settled(said.headers["x-stayhand-entry"])[:4] == ("exact", USED_MICROS, 100, 20)
    assert house.provider.bodies[-1]["stream_options"] == {"include_usage": True}


def test_a_provider_that_does_not_count_is_an_upper_estimate(house: House) -> None:
    """What nobody counted is booked as an estimate, and no header claims to know it."""
    said = house.ask(house.firewall.mint(team="wide"), "priced-silent")
    assert "x-stayhand-cost-micros" not in said.headers
    state, cost, *_ = house.settled(said.headers["x-stayhand-entry"])
    assert state == "estimated"
    assert isinstance(cost, int)
    assert 100 <= cost <= 300


def test_an_error_of_the_provider_costs_nothing_and_gives_all_back(house: House) -> None:
    """Its refusal passes on, and the account holds nothing afterwards."""
    said = house.ask(house.firewall.mint(team="wide"), "priced-error")
    assert said.status_code == 400
    assert house.settled(said.headers["x-stayhand-entry"])[:2] == ("exact", 0)
    assert house.held() == 0


def test_who_hangs_up_pays_an_upper_estimate(house: House) -> None:
    """A client that leaves in the middle of a stream is settled, and nothing stays held."""
    token = house.firewall.mint(team="wide")
    body = {"model": "priced-endless", "stream": True, "messages": [], "max_tokens": 100_000}
    with httpx.stream(
        "POST", f"{house.firewall.agents}/v1/chat/completions", json=body, timeout=60, trust_env=False,
        headers={"authorization": f"Bearer {token}"},
    ) as said:  # fmt: skip
        next(said.iter_bytes())
        entry = said.headers["x-stayhand-entry"]
    state, cost, *_ = house.settled(entry)
    assert state == "estimated"
    assert isinstance(cost, int)
    assert cost > 0
    assert house.held() == 0


def test_a_held_answer_is_settled_when_its_provider_has_said_all(house: House) -> None:
    """Whoever waits for people, and whoever leaves while they think: the bill is the provider's count."""
    token = house.firewall.mint(team="wide")
    body = {"model": "priced-held", "stream": True, "messages": [], "max_tokens": 40}
    with httpx.stream(
        "POST", f"{house.firewall.agents}/v1/chat/completions", json=body, timeout=60, trust_env=False,
        headers={"authorization": f"Bearer {token}"},
    ) as said:  # fmt: skip
        until = time.monotonic() + 30
        while not house.firewall.pending() and time.monotonic() < until:
            time.sleep(0.02)
        entry = said.headers["x-stayhand-entry"]
    assert house.settled(entry)[:4] == ("exact", USED_MICROS, 100, 20)
    assert house.held() == 0


def test_who_leaves_before_the_answer_pays_an_upper_estimate(house: House) -> None:
    """The provider was asked and may charge: that nobody waited is no reason to book nothing."""
    token = house.firewall.mint(team="wide", tags=["feature=left-early"])
    body = {"model": "priced-slow", "messages": [], "max_tokens": 40}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{house.firewall.agents}/v1/chat/completions", json=body, timeout=httpx.Timeout(30, read=1),
            trust_env=False, headers={"authorization": f"Bearer {token}"},
        )  # fmt: skip
    ((state, cost),) = house.eventually(
        "SELECT state, cost FROM spend_calls WHERE feature = 'left-early' AND state <> 'open'"
    )
    assert state == "estimated"
    assert isinstance(cost, int)
    assert cost >= 80
    assert house.held() == 0


def test_a_stream_stops_with_a_clear_event_when_its_money_is_spent(house: House) -> None:
    """The budget gives slice after slice until it gives no more; then one well-formed error ends the answer."""
    said = house.ask(house.firewall.mint(team="short"), "priced-endless", stream=True, max_tokens=1_000_000)
    assert said.status_code == 200
    last = orjson.loads(said.text.rstrip().rpartition("data: ")[2])
    assert last["error"]["code"] == "budget_exhausted"
    state, cost, *_ = house.settled(said.headers["x-stayhand-entry"])
    assert state == "estimated"
    spent = house.rows("SELECT spent, held FROM spend_accounts WHERE key LIKE 'team:short:%'")
    assert spent == [(cost, 0)]


def test_calls_at_the_edge_of_a_cap_never_overspend_it(house: House) -> None:
    """Sixty calls at once: each is answered or refused with a code, and the cap holds to the micro-dollar."""
    token = house.firewall.mint(team="capped", max_requests_per_minute=6_000)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: house.ask(token), range(60)))
    passed = [one for one in answers if one.status_code == 200]
    refused = [one for one in answers if one.status_code != 200]
    assert passed
    assert refused
    for one in refused:
        assert one.status_code == 429
        assert one.json()["error"]["code"] == "budget_exhausted"
        assert int(one.headers["retry-after"]) <= 86_400
    for one in passed:
        house.settled(one.headers["x-stayhand-entry"])
    ((spent, held),) = house.rows("SELECT spent, held FROM spend_accounts WHERE key LIKE 'team:capped:day:%'")
    assert (spent, held) == (len(passed) * USED_MICROS, 0)
    assert isinstance(spent, int)
    assert spent <= 6_000
    told = house.rows("SELECT count(*) FROM audit_entries WHERE kind = 'spend.alerted'")
    assert told[0][0] >= 1  # type: ignore[operator]  # a number
    assert any("the day budget of team `capped` has reached" in one for one in house.firewall.lines)
    hits = house.rows("SELECT count(*) FROM audit_entries WHERE kind = 'limit.hit'")
    assert hits[0][0] >= len(refused)  # type: ignore[operator]  # a number


def test_a_token_s_own_cap(house: House) -> None:
    """The cap in a grant holds for all of the token's life, also for a child of it."""
    token = house.firewall.mint(money_cap_micros=1_500)
    codes = {house.ask(token).status_code for _ in range(12)}
    assert codes == {200, 429}


def test_an_unknown_price_is_refused_where_a_cap_applies_and_recorded_where_none_does(house: House) -> None:
    """403 with a code under a cap; elsewhere the ledger has the tokens and no cost."""
    refused = house.ask(house.firewall.mint(team="capped-2"), "nameless")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "price_unknown")
    said = house.ask(house.firewall.mint(), "nameless")
    assert said.status_code == 200
    assert "x-stayhand-cost-micros" not in said.headers
    assert house.settled(said.headers["x-stayhand-entry"])[:3] == ("unknown", None, 100)


def test_tokens_a_minute_of_a_team(house: House) -> None:
    """An answer that used more than the minute has is a debt: the next call waits."""
    token = house.firewall.mint(team="slow")
    said = house.ask(token)
    assert said.status_code == 200
    house.settled(said.headers["x-stayhand-entry"])
    again = house.ask(token)
    assert (again.status_code, again.json()["error"]["code"]) == (429, "rate_limited")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/messages/count_tokens"), ("GET", "/v1/models"), ("GET", "/v1beta/models")]
)
def test_counts_and_lists_are_requests_as_well(house: House, method: str, path: str) -> None:
    """One a minute is one a minute, whatever it asks for: 429 with whose limit it is, recorded."""
    token = house.firewall.mint(team=f"curious{path.replace('/', '-')}"[:30])
    body = {"model": "priced-ok", "messages": [{"role": "user", "content": "hello"}]}
    answers = [
        httpx.request(
            method, f"{house.firewall.agents}{path}", json=body if method == "POST" else None, trust_env=False,
            headers={"authorization": f"Bearer {token}"}, timeout=60,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [one.status_code for one in answers] == [200, 429]
    assert "too many requests for this team" in answers[1].text
    assert int(answers[1].headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"max_tokens": -1}, "max_tokens_invalid"),
        ({"n": 1000}, "candidates_invalid"),
        ({"tags": "x"}, "tags_invalid"),
    ],
)
def test_what_is_no_amount_is_refused_before_anything_is_held(
    house: House, more: dict[str, object], code: str
) -> None:
    """400 with a stable code; the provider hears nothing."""
    before = len(house.provider.bodies)
    said = house.ask(house.firewall.mint(team="wide"), **more)  # type: ignore[arg-type]  # fields of a body
    assert (said.status_code, said.json()["error"]["code"]) == (400, code)
    assert len(house.provider.bodies) == before


def test_metrics_count_money_and_tokens(house: House) -> None:
    """Counters by provider and model, and how sure they are."""
    house.settled(house.ask(house.firewall.mint()).headers["x-stayhand-entry"])
    text = httpx.get(f"{house.firewall.control}/metrics", headers=house.firewall.admin, trust_env=False).text
    assert 'stayhand_spend_micros_total{model="priced-ok",provider="chat",state="exact"}' in text
    assert 'stayhand_model_tokens_total{kind="input",model="priced-ok",provider="chat"}' in text
    assert USAGE["prompt_tokens"] == 100


def _spend(house: House, *arguments: str) -> str:
    """Run `stayhand spend` against the server."""
    said = cli(
        "--config", str(house.firewall.at_its_ports()), "spend", *arguments,
        env={"STAYHAND_TOKEN": house.firewall.installed.shown["admin_token"]},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_reports_answer_who_spent_what_on_which_model(house: House) -> None:
    """The same groups as a table, as CSV, as bars and as JSON; a tag is a word to group by as well."""
    token = house.firewall.mint(team="reported", tags=["feature=billing"])
    for number in range(3):
        said = house.ask(token, tags=f"ticket=t{number % 2}")
        house.settled(said.headers["x-stayhand-entry"])
    answer = orjson.loads(_spend(house, "report", "--by", "feature,model", "--since", "1d", "--json"))
    row = next(one for one in answer["rows"] if one["feature"] == "billing")
    assert (row["model"], row["calls"], row["cost_micros"], row["input_tokens"]) == ("priced-ok", 3, 420, 300)
    assert row["models"] == [{"model": "chat/priced-ok", "approved_by": "irene"}]
    table = _spend(house, "report", "--by", "team,tag:ticket")
    assert [line.split()[:3] for line in table.splitlines() if "reported" in line] == [
        ["reported", "t0", "2"],
        ["reported", "t1", "1"],
    ]
    assert "billing,3,420,0,0,300,0,60\r\n" in _spend(house, "report", "--by", "feature", "--csv").replace(
        "\n", "\r\n"
    )
    assert "█" in _spend(house, "report", "--by", "day", "--plot")
    house.settled(house.ask(house.firewall.mint(team="wide")).headers["x-stayhand-entry"])
    assert any(line.split()[:3] == ["team", "wide", "month"] for line in _spend(house, "budgets").splitlines())


def test_a_report_says_which_models_power_which_features_and_who_approved_them(house: House) -> None:
    """A row for each model of each feature, with who approved it, when, and until when that holds."""
    token = house.firewall.mint(team="governed", tags=["feature=governed"])
    for path in ("/v1/chat/completions", "/v1/messages"):
        house.settled(house.ask(token, path=path).headers["x-stayhand-entry"])
    answer = orjson.loads(_spend(house, "report", "--by", "feature", "--approvals", "--json"))
    assert answer["by"] == ["feature", "provider", "model"]
    found = [one for one in answer["rows"] if one["feature"] == "governed"]
    assert sorted((one["provider"], one["model"], one["approved_by"], one["review_by"]) for one in found) == [
        ("chat", "priced-ok", "irene", "2027-05-02"),
        ("messages", "priced-ok", "irene", "2027-05-02"),
    ]
    table = _spend(house, "report", "--by", "feature", "--approvals")
    lines = [line.split() for line in table.splitlines() if line.startswith("governed")]
    assert [line[-3:] for line in lines] == [["irene", "2026-11-02", "2027-05-02"]] * 2
    csv = _spend(house, "report", "--by", "feature", "--approvals", "--csv").splitlines()
    assert csv[0].endswith("approved_by,approved_at,review_by")
    assert any(
        one.startswith("governed,chat,priced-ok,1,") and one.endswith("irene,2026-11-02,2027-05-02") for one in csv
    )


def test_a_report_by_what_is_no_word_is_refused(house: House) -> None:
    """Nothing that a caller writes reaches the statement; an agent's token reads no ledger."""
    for query, code in (
        ("by=cost", "by_invalid"),
        ("by=tag:x%22)%20--", "by_invalid"),
        ("by=model,model", "by_invalid"),
        ("since=ever", "time_invalid"),
    ):
        said = httpx.get(
            f"{house.firewall.control}/api/spend?{query}", headers=house.firewall.admin, trust_env=False
        )
        assert (said.status_code, said.json()["error"]["code"]) == (400, code)
    agent = {"authorization": f"Bearer {house.firewall.mint()}"}
    for who, codes in ((agent, (401, 403)), ({}, (401, 403)), (house.firewall.approver, (200,))):
        said = httpx.get(f"{house.firewall.control}/api/spend", headers=who, trust_env=False)
        assert said.status_code in codes
