"""What one question to a policy costs: the compiled index beside casbin, its oracle, over the same rows."""

import random
from collections.abc import Iterator
from functools import partial

from firewall.core.effect import Effect
from firewall.policy import rows
from firewall.policy.defaults import shipped
from firewall.policy.engine import Engine
from firewall.policy.facts import facts_of
from firewall.policy.index import Index
from firewall.policy.people import Requester
from firewall.policy.question import Answering, Place, Question
from firewall.policy.rows import Row
from tests.bench.steps import Step, median_us
from tests.support.policy_folder import an_action

SIZES = (20, 2000)
_ROLES = ("*", "coding-agent", "reviewer", "release")
_PLACES = ("dev", "staging", "production", "local", "unresolved", "elsewhere", "*")
_CONDITIONS = ("", "", "", "force", "count > 3", "not scratch")
_WORDS = ("allow,", "ask, ttl=10m", "ask,", "deny,")


def a_policy(count: int) -> tuple[Row, ...]:
    """Return rows of a large team: named resources, some conditions, every effect; the same ones each time."""
    dice = random.Random(count)  # noqa: S311 - the same rows each time, nothing secret
    lines = ["p, *, *, *, *, destructive, foreign_credential, ask,", "p, *, staging, *, *, read, , allow,"]
    for number in range(count - len(lines)):
        kind = dice.choice(("volume:railway/vol", "branch:github/acme/app", "file:/srv/app", "host:internal/api"))
        cells = (
            dice.choice(_ROLES),
            dice.choice(_PLACES),
            dice.choice(("*", "*", "Bash", "git:push", "railway")),
            f"{kind}_{number}{dice.choice(('', '*', '/*'))}",
            dice.choice(list(Effect)),
            dice.choice(_CONDITIONS),
            dice.choice(_WORDS),
        )
        lines.append(f"p, {', '.join(cells)}")
    return rows.read("".join(f"{line}\n" for line in lines).encode()).rows


def questions() -> list[Question]:
    """Return one question for each effect, about a volume in staging."""
    action = an_action("staging", list(Effect), resource="volume:railway/vol_1234/x", operation="railway:delete")
    facts = facts_of(action, Requester())
    return [
        Question(
            frozenset({"coding-agent"}),
            Place("staging"),
            action.tool,
            action.operation,
            action.resource,
            effect,
            facts,
        )
        for effect in Effect
    ]


def ask(answering: Answering, asked: list[Question]) -> None:
    """Ask all of them."""
    for question in asked:
        answering.answers(question)


def steps() -> Iterator[Step]:
    """Measure both, at each size; a figure is the mean of one question over all effects."""
    model = (shipped() / "model.conf").read_text(encoding="utf-8")
    asked = questions()
    for count in SIZES:
        table = a_policy(count)
        oracle, index = Engine(model, table), Index(table)
        for name, answering, calls, target in (("index", index, 200, "3 us"), ("casbin", oracle, 3, "")):
            us = median_us(partial(ask, answering, asked), calls=calls) / len(asked)
            yield Step(f"policy of {count:,} rows, one effect, {name}", target, us)
