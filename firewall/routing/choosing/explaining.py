"""Why a call goes where it goes: every route with what does not fit, every candidate with what is in its way.

It plans exactly as the server does; what only a running server knows (who is quick, who is busy) is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firewall.core.errors import FirewallError
from firewall.core.money import dollars
from firewall.routing.call import LeftOut, ModelCall, Plan
from firewall.routing.choosing.chooser import Chooser
from firewall.routing.choosing.constraints import in_force
from firewall.routing.choosing.feasible import NobodyError


@dataclass(frozen=True, slots=True)
class Looked:
    """A route that was looked at."""

    name: str
    unmet: str
    """Why it does not fit: `model`, or the name of a condition; empty: it fits, and decides."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One call's way."""

    facts: Mapping[str, object]
    routes: tuple[Looked, ...]
    """In order, up to the one that decides."""
    constraints: tuple[str, ...]
    """Those whose condition holds."""
    plan: Plan | None
    refusal: FirewallError | None
    worst: Mapping[str, int | None]
    """Of each candidate, micro-USD; None where the price is not known."""


def explain(chooser: Chooser, call: ModelCall) -> Explained:
    """Plan a call and say why. Nothing is sent, recorded or remembered."""
    table = chooser.table()
    means = chooser.means(table, call)
    facts = means.bench.facts
    looked: list[Looked] = []
    for rule in table.rules:
        looked.append(Looked(rule.name, rule.unmet(facts)))
        if not looked[-1].unmet:
            break
    plan: Plan | None = None
    refusal: FirewallError | None = None
    try:
        plan = chooser.plan(call)
    except FirewallError as error:
        refusal = error
    candidates = (*plan.candidates, *plan.smaller) if plan else ()
    return Explained(
        facts={
            **facts.shown(),
            "complexity": round(means.grade(), 2),
            "regions": sorted(facts.regions),
            "sensitivity": sorted(facts.sensitivity),
        },
        routes=tuple(looked),
        constraints=tuple(one.name for one in in_force(table.constraints, facts)),
        plan=plan,
        refusal=refusal,
        worst={one.name: means.bench.quote(one) for one in candidates},
    )


def as_json(found: Explained) -> dict[str, object]:
    """Return an explanation as plain values."""
    plan, refusal = found.plan, found.refusal
    return {
        "route": plan.route if plan else "",
        "candidates": [
            {"name": one.name, "worst_micros": found.worst[one.name]} for one in (plan.candidates if plan else ())
        ],
        "smaller": [one.name for one in (plan.smaller if plan else ())],
        "left_out": [
            {"name": one.name, "why": one.why} for one in (plan.left_out if plan else _left_out(refusal))
        ],
        "refusal": {"code": refusal.code, "status": refusal.status, "message": refusal.public}
        if refusal
        else None,
        "routes": [{"name": one.name, "unmet": one.unmet} for one in found.routes],
        "constraints": list(found.constraints),
        "facts": dict(found.facts),
    }


def _refusal(refusal: FirewallError | None) -> dict[str, object] | None:
    if refusal is None:
        return None
    return {"code": refusal.code, "status": refusal.status, "message": refusal.public}


def as_text(found: Explained) -> list[str]:
    """Return an explanation as lines for people."""
    plan, refusal = found.plan, found.refusal
    said = [f"{name} {value}" for name, value in found.facts.items() if value not in ("", None, False, [], 0)]
    lines = [f"call        {', '.join(said)}"]
    lines += [f"route       {one.name}: " + (f"no, {one.unmet}" if one.unmet else "fits") for one in found.routes]
    if not found.routes or found.routes[-1].unmet:
        lines.append("route       none fits: the first provider of the dialect answers, the model unchanged")
    lines += [f"constraint  {name} binds" for name in found.constraints]
    left_out = plan.left_out if plan else _left_out(refusal)
    lines += [f"left out    {one.name}: {one.why}" for one in left_out]
    if plan is not None:
        for place, candidate in enumerate(plan.candidates, 1):
            lines.append(
                f"{f'asked {place}':11} {candidate.name}, at most {_dollars(found.worst[candidate.name])}"
            )
        lines += [f"degraded    {candidate.name}" for candidate in plan.smaller]
    if refusal is not None:
        lines.append(f"refused     {refusal.status} {refusal.code}: {refusal.public}")
    return lines


def _left_out(refusal: FirewallError | None) -> tuple[LeftOut, ...]:
    return refusal.left_out if isinstance(refusal, NobodyError) else ()


def _dollars(micros: int | None) -> str:
    return "a price that nobody knows" if micros is None else f"${dollars(micros)}"
