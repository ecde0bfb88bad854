"""What a plan says of those who may answer is always of the candidates that it has."""

from dataclasses import replace

from firewall.core.dialect import Dialect
from firewall.routing.call import Candidate, Plan
from firewall.routing.port import Endpoint
from firewall.routing.providers import Provider


def _candidate(name: str, model: str, approved_by: str = "") -> Candidate:
    provider = Provider(name, Dialect.OPENAI_CHAT, Endpoint(name, f"https://{name}.example/v1"), None)
    return Candidate(provider, model, approved_by=approved_by)


def test_a_plan_names_each_model_once_with_whoever_approved_it() -> None:
    """Candidates and smaller ones stand once each, in order; only approvals that were given stand there."""
    big, other, small = _candidate("a", "big", "ann"), _candidate("b", "big"), _candidate("a", "small", "ann")
    plan = Plan("r", (big, other, big), smaller=(small, other))
    assert [one.name for one in plan.sold] == ["a/big", "b/big", "a/small"]
    assert plan.approved == {"a/big": "ann", "a/small": "ann"}


def test_a_plan_with_fewer_candidates_says_so() -> None:
    """Where candidates are left out of a plan, neither money nor the log counts them any more."""
    big, other = _candidate("a", "big", "ann"), _candidate("b", "big")
    left = replace(Plan("r", (big, other)), candidates=(other,))
    assert left.sold == (other.sold,)
    assert left.approved == {}
    assert left == Plan("r", (other,))
