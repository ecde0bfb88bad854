"""Every vendor's resolver over real sockets: what it is told is known, and whatever goes wrong is unresolved."""

import json
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import pytest
import pytest_asyncio

from firewall.core.action import UNRESOLVED
from firewall.core.effect import Effect
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from firewall.core.world import Standing
from firewall.demo.serving import served
from firewall.routing.upstream import HttpUpstream
from tests.support.scripted_api import Fault, Missing, ScriptedApi
from tests.support.understanding import ROOT
from tests.support.vendor_look import Seen, look, rules_with

READING = "reading-canary-5b8e02d1"
TABLE = tomllib.loads((ROOT / "tests/cases/resolvers/vendors.toml").read_text("utf-8"))
CASES: dict[str, dict[str, object]] = {case["name"]: case for case in TABLE["case"]}


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    """The gate's own carrier."""
    carrier = HttpUpstream()
    yield carrier
    await carrier.close()


@contextmanager
def _api(
    case: Mapping[str, object], *exchange: str, fault: Fault = Fault.NONE
) -> Iterator[tuple[ScriptedApi, str]]:
    texts = case["answers"]
    assert isinstance(texts, dict)
    old, new = exchange or ("", "")
    answers: dict[str, object] = {
        line: json.loads(text.replace(old, new) if old else text) for line, text in texts.items()
    }
    missing = case.get("missing", {})
    assert isinstance(missing, dict)
    answers |= {line: Missing(text) for line, text in missing.items()}
    api = ScriptedApi(READING, answers, fault)
    with served(api) as base:
        yield api, base


async def _look(case: Mapping[str, object], base: str, upstream: HttpUpstream, *, timeout_s: int = 20) -> Seen:
    spec = TargetSpec("api", "staging", TargetKind(str(case.get("kind", "rest"))), str(case["host"]))
    method, _, rest = str(case["request"]).partition(" ")
    path, _, body = rest.partition(" ")
    return await look(
        spec,
        Outgoing(
            method, path, headers=(("content-type", "application/json"),) if body else (), body=body.encode()
        ),
        base=base,
        key=READING,
        rules=rules_with(str(TABLE["environments"])),
        upstream=upstream,
        timeout_s=timeout_s,
    )


@pytest.mark.parametrize("name", CASES)
async def test_what_it_is_and_where_it_lies(name: str, upstream: HttpUpstream) -> None:
    """Environment, size, what is in it, the last restore point and where that lives, asked with GET alone."""
    case = CASES[name]
    with _api(case) as (api, base):
        seen = await _look(case, base, upstream)
    assert (seen.environment, seen.refusal) == ("staging", "")
    assert case["said"] in seen.said
    for line in case.get("restore", ()):  # type: ignore[attr-defined]  # a list of the table
        assert line in seen.said
    known = {key: value for one in seen.findings for key, value in one.facts.items()}
    for key, value in case.get("facts", {}).items():  # type: ignore[attr-defined]  # a table
        assert known[key] == value, key
    assert set(api.asked) <= set(api.answers)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "lowers" in case])
async def test_a_number_is_held_against_what_is_kept_now(name: str, upstream: HttpUpstream) -> None:
    """Fewer than now are restore points lost; as many or more is a setting."""
    case = CASES[name]
    with _api(case) as (_, base):
        seen = await _look(case, base, upstream)
    lowers = str(case["lowers"])
    assert seen.action.summary.startswith(lowers)
    assert (Effect.DESTRUCTIVE in seen.action.effects) is bool(lowers)
    assert seen.action.resource.startswith("backup:") is bool(lowers)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "other" in case])
async def test_what_lies_elsewhere_is_refused(name: str, upstream: HttpUpstream) -> None:
    """The same request, with the thing in production: denied, or unresolved where two rows claim it."""
    case = CASES[name]
    with _api(case, *case["other"]) as (_, base):  # type: ignore[misc]  # two texts
        seen = await _look(case, base, upstream)
    if case.get("outcome") == "unresolved":
        assert (seen.environment, seen.refusal) == (UNRESOLVED, "")
    else:
        assert "lies in production" in seen.refusal


@pytest.mark.parametrize("name", CASES)
async def test_whatever_goes_wrong_is_unresolved(name: str, upstream: HttpUpstream) -> None:
    """Refused, broken, cut, empty, redirected, too large: nobody saw it, so the strictest rows judge."""
    case = CASES[name]
    for fault in (Fault.REFUSED, Fault.BROKEN, Fault.GARBAGE, Fault.EMPTY, Fault.REDIRECT, Fault.HUGE):
        with _api(case, fault=fault) as (api, base):
            seen = await _look(case, base, upstream)
        assert (seen.environment, seen.refusal) == (UNRESOLVED, ""), fault
        assert {one.standing for one in seen.findings} == {Standing.UNSEEN}, fault
        assert not any(line.endswith("/elsewhere") for line in api.asked)
        assert not any(one.facts for one in seen.findings)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "strange" in case])
async def test_another_thing_than_was_asked_about_is_unresolved(name: str, upstream: HttpUpstream) -> None:
    """An answer about something else is no answer."""
    case = CASES[name]
    with _api(case, *case["strange"]) as (_, base):  # type: ignore[misc]  # two texts
        seen = await _look(case, base, upstream)
    assert (seen.environment, seen.refusal) == (UNRESOLVED, "")


@pytest.mark.parametrize(
    "name", ["DigitalOcean: a volume without a snapshot", "Kubernetes: a volume, by the namespace of its claim"]
)
async def test_what_does_not_exist_is_refused_like_what_lies_elsewhere(name: str, upstream: HttpUpstream) -> None:
    """Not found is an answer: the agent is told what it is told of other environments."""
    case = CASES[name]
    with _api(case, fault=Fault.MISSING) as (_, base):
        seen = await _look(case, base, upstream)
    assert "not known" in seen.refusal


async def test_silence_ends_at_the_limit(upstream: HttpUpstream) -> None:
    """An API that does not answer leaves the thing unresolved, and nobody waits longer than the limit says."""
    case = CASES["GitHub: a repository"]
    with _api(case, fault=Fault.SILENT) as (_, base):
        seen = await _look(case, base, upstream, timeout_s=1)
    assert (seen.environment, seen.refusal) == (UNRESOLVED, "")
    assert {one.standing for one in seen.findings} == {Standing.UNSEEN}


async def test_a_missing_step_leaves_no_facts(upstream: HttpUpstream) -> None:
    """Where restore points cannot be looked up nothing is known: no condition is met by half an answer."""
    case = CASES["DigitalOcean: a droplet with backups and a snapshot"]
    with _api(case) as (api, base):
        del api.answers["GET /v2/droplets/3164494/snapshots?per_page=200"]
        seen = await _look(case, base, upstream)
    assert (seen.environment, seen.refusal) == (UNRESOLVED, "")
    assert not any(one.facts for one in seen.findings)
