"""Whatever was planned before: a plan is the one that a chooser makes that never saw a call."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.routing.call import ModelCall, Plan
from firewall.routing.choosing.chooser import Chooser
from firewall.routing.choosing.shelf import MOST
from tests.support.choosing import GRANT, House, call_of, table, tags

CHAIN: Final = 'chain = ["saas/good", "own/small"]\n'
RULE: Final = '[[route]]\nname = "r"\n'
ROUTES: Final = [
    "",
    RULE + CHAIN,
    f'{RULE}when = {{ tools = true }}\nchain = ["vpc/good"]\n[[route]]\nname = "s"\nmodels = ["r"]\n{CHAIN}',
    f'{RULE}when = {{ region = ["eu"] }}\nchain = ["euro/good"]\n',
    f"{RULE}max_micros = 900\n{CHAIN}",
    f'{RULE}strategy = "cost"\n{CHAIN}',
    f'{RULE}degrade = ["vpc/good"]\n{CHAIN}',
    f'{RULE}planner = ["vpc/good"]\nexecutor = ["own/small"]\n',
    f'{RULE}chain = ["inner", "vpc/good"]\n[[route]]\nname = "inner"\n{CHAIN}',
]
MODELS: Final = [
    "",
    '[[model]]\nname = "small"\ncontext_window = 300\nmax_output_tokens = 50\n',
    '[[model]]\nname = "small"\ncapabilities = []\n',
    '[[model]]\nname = "good"\ndata_classes = ["internal"]\n',
    'require_approved = true\n[[model]]\nname = "good"\napproved_by = "alice"\napproved_at = 2026-11-02\n',
    '[[constraint]]\nname = "europe"\nwhen = { region = ["eu"] }\nregions = ["eu-*"]\n',
]
GRANTS: Final = [
    GRANT,
    replace(GRANT, models=("r", "m")),
    replace(GRANT, models=("saas/*",)),
    replace(GRANT, money_cap_micros=5),
]
PRICES: Final = dict.fromkeys(("saas/good", "own/small", "saas/m", "saas/r", "vpc/good", "euro/good"), 1)
IMAGE: Final = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}


@dataclass(frozen=True)
class Step:
    """One call, and what has changed in the world before it."""

    model: str = "r"
    grant: int = 0
    dialect: Dialect = Dialect.ANTHROPIC
    words: int = 5
    most: int = 10
    has_tools: bool = False
    has_image: bool = False
    phase: str = ""
    region: str = ""
    issuer: str = ""
    prices: Mapping[str, int] = field(default_factory=lambda: PRICES)
    labels: frozenset[str] = frozenset()

    def call(self) -> ModelCall:
        """Return the call."""
        body: dict[str, object] = {"tools": [{"name": "t", "input_schema": {}}]} if self.has_tools else {}
        if self.dialect is Dialect.ANTHROPIC:
            text = {"type": "text", "text": "x" * self.words}
            body["max_tokens"] = self.most
            body["messages"] = [{"role": "user", "content": [text, IMAGE] if self.has_image else [text]}]
        made = call_of(
            self.model,
            dialect=self.dialect,
            grant=GRANTS[self.grant],
            about=tags(region=self.region),
            headers={"x-stayhand-phase": self.phase} if self.phase else {},
            **body,  # type: ignore[arg-type]  # none of them is another parameter's name
        )
        return replace(made, issuers=frozenset({self.issuer}) if self.issuer else frozenset())


PLAIN = Step()
STEPS: Final = [
    PLAIN,
    Step(model="m"),
    *[Step(grant=one) for one in range(1, len(GRANTS))],
    Step(dialect=Dialect.OPENAI_CHAT),
    Step(words=700),
    Step(words=1500),
    Step(most=60),
    Step(has_tools=True),
    Step(has_image=True),
    Step(phase="plan"),
    Step(phase="execute"),
    Step(region="eu"),
    Step(issuer="saas"),
    Step(prices={}),
    Step(grant=3, prices={}),
    Step(grant=3, prices={"saas/good": 3}),
    Step(grant=3, prices={"saas/good": 3, "own/small": 1}),
    Step(labels=frozenset({"credentials"})),
]
"""A plain call, and each that differs from it in one respect."""


def planned(house: House, step: Step) -> Plan | str:
    """Return the plan of a call, or the code of its refusal."""
    house.prices, house.labels = step.prices, step.labels
    try:
        return house.plan(step.call())
    except FirewallError as refused:
        return refused.code


def shown(plan: Plan | str) -> object:
    """Return all that a plan says, also what equality leaves out."""
    return (
        plan
        if isinstance(plan, str)
        else (plan, [(one.max_output_tokens, one.approved_by) for one in plan.candidates])
    )


@pytest.mark.parametrize("models", MODELS)
@pytest.mark.parametrize("routes", ROUTES)
def test_what_was_planned_before_changes_no_plan(routes: str, models: str) -> None:
    """Grants, sizes, pictures, tools, phases, references, prices and labels count for each call anew."""
    house, other = House(routes, models), House(routes, models)
    for before in STEPS:
        for step in (before, before, *STEPS):
            other.chooser = Chooser(other.chooser.table, other.chooser.providers, other.chooser.outside)
            assert shown(planned(house, step)) == shown(planned(other, step))


@pytest.mark.parametrize("routes", ["", RULE + CHAIN])
def test_a_plan_is_made_once_for_calls_that_are_alike(routes: str) -> None:
    """The same object comes back for the next call of the token, and another under another table."""
    house = House(routes)
    first = house.plan(PLAIN.call())
    assert house.plan(replace(PLAIN, words=9).call()) is first
    assert house.plan(replace(PLAIN, has_tools=True).call()) is not first
    made = table(routes)
    house.chooser.table = lambda: made
    assert house.plan(PLAIN.call()) is not first


def test_made_up_names_fill_no_memory() -> None:
    """Models that nobody names are forgotten together when they are too many."""
    house = House()
    shelf = house.chooser._shelf
    for place in range(MOST + 10):
        house.plan(call_of(f"m{place}"))
    assert len(shelf._kept) <= MOST
