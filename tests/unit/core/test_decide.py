"""Combining answers about effects into one verdict."""

from firewall.core.decide import Answers, EffectVerdict, Match, combine, of_action, of_effect
from firewall.core.demand import demand_of
from firewall.core.effect import Effect
from firewall.core.reason import Reason
from firewall.core.verdict import Allow, Ask, Deny, Obligations

DENY, ASK, ALLOW = Match("p:1"), Match("p:2"), Match("p:3")


def test_no_answer_is_a_deny() -> None:
    """No fitting row denies."""
    found = of_effect(Effect.READ, Answers()).verdict
    assert found == Deny(Reason.POLICY_NO_ROW, detail="no row fits read")


def test_deny_over_ask_over_allow() -> None:
    """The strictest answer decides, and the next in line is its runner-up."""
    every = of_effect(Effect.WRITE, Answers(DENY, (ASK,), ALLOW))
    asks = of_effect(Effect.WRITE, Answers(None, (ASK,), ALLOW))
    allows = of_effect(Effect.WRITE, Answers(None, (), ALLOW))
    assert (type(every.verdict), every.verdict.row, every.runner_up) == (Deny, "p:1", "p:2")
    assert (type(asks.verdict), asks.verdict.row, asks.runner_up) == (Ask, "p:2", "p:3")
    assert (type(allows.verdict), allows.verdict.row, allows.runner_up) == (Allow, "p:3", "")
    assert of_effect(Effect.WRITE, Answers(DENY, (), ALLOW)).runner_up == "p:3"


def test_nothing_judged_is_a_deny() -> None:
    """An action without effects, or a call without actions, is denied."""
    assert of_action([]) == combine([]) == Deny(Reason.CLASSIFY_FAILED, detail="nothing was judged")


def test_among_equals_the_strictest_effect_speaks() -> None:
    """Whatever order effects come in, the strictest of those that ask is named."""
    read = EffectVerdict(Effect.READ, Ask(Reason.POLICY_ASK, "p:1"))
    destructive = EffectVerdict(Effect.DESTRUCTIVE, Ask(Reason.POLICY_ASK, "p:2"))
    assert of_action([read, destructive]) == of_action([destructive, read]) == destructive.verdict


def test_asks_bind_together() -> None:
    """The shortest time and the one group that are demanded hold for the one approval."""
    asks = [
        Ask(Reason.POLICY_ASK, "p:1", obligations=Obligations(ttl_s=60)),
        Ask(Reason.POLICY_ASK, "p:2", obligations=Obligations(demands=(demand_of("a"),))),
        Ask(Reason.POLICY_ASK, "p:3", obligations=Obligations(ttl_s=30, demands=(demand_of("a"),))),
    ]
    found = combine([Allow(Reason.POLICY_ALLOW), *asks])
    assert found == Ask(Reason.POLICY_ASK, "p:1", "", Obligations(ttl_s=30, demands=(demand_of("a"),)))


def test_every_row_that_asks_is_named() -> None:
    """What binds is of several rows, so all of them are named, in the order of the file, whatever came first."""
    asks = [
        Ask(Reason.POLICY_ASK, "p:10", obligations=Obligations(ttl_s=60)),
        Ask(Reason.POLICY_ASK, "p:9", obligations=Obligations(demands=(demand_of("a", quorum=2),))),
        Ask(Reason.POLICY_ASK, "p:2"),
        Ask(Reason.POLICY_ASK, "p:2"),
    ]
    for found in (combine(asks), combine(asks[::-1]), combine([combine(asks[:2]), combine(asks[2:])])):
        assert isinstance(found, Ask)
        assert (found.row, found.also) == ("p:9", ("p:2", "p:10"))
    alone = combine(asks[2:])
    assert isinstance(alone, Ask)
    assert (alone.row, alone.also) == ("p:2", ())


def test_everybody_whom_a_row_names_is_asked() -> None:
    """Two rows with a group each ask both; a passkey goes over anything, a link is enough where all say so."""
    first = Obligations(demands=(demand_of("a", quorum=2),), auth="link")
    for other, auth in (("", ""), ("passkey", "passkey"), ("link", "link")):
        second = Obligations(demands=(demand_of("b"), demand_of("a")), auth=other, typed=True)
        found = combine([Ask(Reason.POLICY_ASK, "p:1", obligations=one) for one in (first, second)])
        assert isinstance(found, Ask)
        demands = (demand_of("a", quorum=2), demand_of("b"))
        assert found.obligations == Obligations(demands=demands, auth=auth, typed=True)
