"""A route by how hard a conversation looks: its first turn decides, and it stays so."""

import pytest

from firewall.core.errors import FirewallError
from firewall.routing.call import ModelCall
from firewall.routing.choosing.complexity import grade_of
from tests.support.choosing import House, call_of, tags

EASY = "thanks, that is all"
HARD = (
    "Design and compare two algorithms for concurrent garbage collection. First derive the invariant, then prove "
    "it, then evaluate the trade-offs and the complexity of each:\n```c\nvoid mark(obj *o) { o->seen = 1; }\n```\n"
    "1. constraints\n2. strategy\n3. security"
)
ROUTE = """
[[route]]
name = "r"
chain = ["saas/small", "euro/middle", "own/large"]
strategy = "complexity"
levels = [0.3, 0.6]
"""


def asked(text: str, **more: object) -> ModelCall:
    """Return a call whose first turn says this."""
    return call_of("r", messages=[{"role": "user", "content": text}], **more)


def test_what_looks_harder_has_a_higher_grade() -> None:
    """By its words; what tools gave and pictures say nothing of the question."""
    middle = "compare these two designs and explain why"
    grades = [grade_of(asked(text)) for text in ("", "hello", EASY, middle, HARD)]
    assert grades == sorted(grades)
    assert grades[0] == 0
    assert grades[1] < 0.1
    assert 0.6 < grades[-1] <= 1
    result = {"type": "tool_result", "tool_use_id": "t", "content": HARD}
    assert grade_of(call_of(messages=[{"role": "user", "content": [result]}])) == 0


LONG = ["a" * 500_000, "1. " * 200_000, "then " * 200_000, "{;}\n" * 200_000, "\n" * 500_000]


@pytest.mark.parametrize("text", LONG)
def test_a_grade_takes_bounded_work(text: str) -> None:
    """Only the beginning is read, whatever is sent."""
    assert 0 <= grade_of(asked(text)) == grade_of(asked(text[:8000])) <= 1


def test_the_grade_chooses_who_is_first() -> None:
    """The next place for harder questions follows, the simpler ones come last; who may not answer is left out."""
    house = House(ROUTE)
    assert house.names(asked(EASY)) == ["saas/small", "euro/middle", "own/large"]
    assert house.names(asked(HARD)) == ["own/large", "euro/middle", "saas/small"]
    inside = '[[constraint]]\nname = "eu"\nwhen = { region = ["eu"] }\nregions = ["eu-*"]\n'
    assert House(ROUTE, inside).names(asked(EASY, about=tags(region="eu"))) == ["euro/middle", "own/large"]


def test_a_conversation_keeps_its_grade() -> None:
    """A hard question in an easy conversation changes nothing, and the other way round."""
    house = House(ROUTE)
    for first, later, name in ((EASY, HARD, "saas/small"), (HARD, EASY, "own/large")):
        opening = asked(first)
        plan = house.plan(opening)
        house.chooser.answered(opening, plan, plan.candidates[0])
        turns = [
            {"role": "user", "content": first},
            {"role": "assistant", "content": "well"},
            {"role": "user", "content": later},
        ]
        assert house.names(call_of("r", messages=turns))[0] == name


def test_a_grader_is_asked_once_for_a_conversation() -> None:
    """Not in the middle of a tool loop, not where it may not see the call; then the words alone decide."""
    house = House(ROUTE + 'grader = "saas/grader"\n')
    plan = house.plan(asked(EASY))
    assert plan.grading is not None
    assert plan.grading.grader.name == "saas/grader"
    assert [(place, [one.name for one in group]) for place, group in plan.grading.places] == [
        (0, ["saas/small"]),
        (1, ["euro/middle"]),
        (2, ["own/large"]),
    ]
    assert [one.name for one in plan.asked] == ["saas/grader"]
    house.chooser.graded(asked(EASY), 0.9)
    again = house.plan(asked(EASY))
    assert (again.grading, again.candidates[0].name) == (None, "own/large")
    inside = '[[constraint]]\nname = "c"\nwhen = { region = ["eu"] }\nregions = ["eu-*"]\n'
    abroad = House(ROUTE + 'grader = "saas/grader"\n', inside).plan(asked(EASY, about=tags(region="eu")))
    assert abroad.grading is None


def test_nobody_left_is_refused_as_ever() -> None:
    """A grade leads to nobody who may not answer."""
    nowhere = '[[constraint]]\nname = "c"\nproviders = ["other"]\n'
    with pytest.raises(FirewallError, match="`c`"):
        House(ROUTE, nowhere).plan(asked(HARD))
