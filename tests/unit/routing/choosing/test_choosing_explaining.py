"""An explanation says what the plan is, and everything that led to it; it changes nothing."""

from firewall.routing.choosing.explaining import as_json, as_text, explain
from tests.support.choosing import House, call_of, tags

ROUTES = """
[[route]]
name = "big"
models = ["m"]
when = { input_tokens_over = 100000 }
chain = ["saas/large"]

[[route]]
name = "all"
models = ["m"]
chain = ["saas/a", "own/b"]
degrade = ["own/c"]
"""
INSIDE = '[[constraint]]\nname = "inside"\nwhen = { sensitivity = ["internal"] }\nhosting = ["self"]\n'


def test_all_that_led_to_a_plan_is_said() -> None:
    """Routes in order, constraints that bind, who is left out, who is asked and what that costs at most."""
    house = House(ROUTES, INSIDE, prices={"own/b": 2})
    found = explain(house.chooser, call_of("m", about=tags(sensitivity="internal", region="eu")))
    said = as_json(found)
    assert said["route"] == "all"
    assert said["routes"] == [{"name": "big", "unmet": "input_tokens"}, {"name": "all", "unmet": ""}]
    assert said["constraints"] == ["inside"]
    assert said["left_out"] == [{"name": "saas/a", "why": "constraint:inside"}]
    assert said["smaller"] == ["own/c"]
    [candidate] = found.plan.candidates if found.plan else ()
    assert (candidate.name, found.worst["own/b"]) == ("own/b", 2 * (100 + int(str(found.facts["input_tokens"]))))
    lines = as_text(found)
    assert lines[0].startswith("call        model m, environment staging")
    assert "degraded    own/c" in lines


def test_a_refusal_is_explained_too() -> None:
    """With its code, and everybody who was left out."""
    found = explain(House("", INSIDE).chooser, call_of("m", about=tags(sensitivity="internal")))
    assert found.plan is None
    assert as_json(found)["refusal"] == {
        "code": "constraint_unmet",
        "status": 403,
        "message": found.refusal.public if found.refusal else "",
    }
    assert "left out    saas/m: constraint:inside" in as_text(found)
    assert any("none fits" in line for line in as_text(found))
