"""No cap is overspent by a micro-dollar: whatever is written, however a provider counts it, and whoever leaves."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.codecs.interface import ModelRequest, Usage
from firewall.core.budget import Budget, Scope, Window
from firewall.core.errors import LimitError
from firewall.gates.models.paying import Till, heard, unheard
from firewall.routing.call import ANSWERED, Attempt, Heard, ModelCall, Plan
from firewall.spend.estimate import IMAGE_TOKENS, OVERHEAD_TOKENS
from tests.support.spending import purse
from tests.support.tills import CHEAP, DEAR, SAID, answer, call, requester, till

PARTS = st.one_of(
    st.text(st.characters(categories=["Lo", "So", "Cc"]), max_size=60),
    st.text("漢字仮名", max_size=60),
    st.binary(max_size=40).map(lambda raw: raw.hex()),
    st.text('\\"/\t\n{}[]', max_size=40),
).map(lambda text: {"type": "text", "text": text * 20})
IMAGES = st.just({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 9_000}})
TURNS = st.lists(st.one_of(PARTS, IMAGES), min_size=1, max_size=6)
ENDS = st.sampled_from(["counted", "cached", "silent", "left", "cascade"])


def asked(parts: Sequence[dict[str, object]], wrote: int) -> tuple[ModelCall, int]:
    """Return a call that says these parts, and how many tokens a hostile provider counts for it."""
    identity: dict[str, object] = {"messages": [{"role": "user", "content": list(parts)}], "max_tokens": wrote}
    texts = [str(one["text"]) for one in parts if one["type"] == "text"]
    most = sum(len(text.encode()) for text in texts) + IMAGE_TOKENS * (len(parts) - len(texts)) + OVERHEAD_TOKENS
    request = ModelRequest("m", False, orjson.dumps(identity), identity, max_output_tokens=wrote)  # noqa: FBT003 - not streamed
    return replace(call(), request=request), most


async def one_call(paying: Till, parts: Sequence[dict[str, object]], wrote: int, end: str) -> bool:
    """Make one call that ends like that; False: it was refused."""
    made, most = asked(parts, wrote)
    plan = Plan("r", (CHEAP, DEAR), tiers=((CHEAP,), (DEAR,)) if end == "cascade" else ())
    try:
        meter, plan = await paying.enter(made, plan, requester(), SAID)
    except LimitError:
        return False
    await asyncio.sleep(0)
    first, last = plan.candidates[0], plan.candidates[-1]
    counted = Usage(input_tokens=most, output_tokens=wrote, is_reported=True)
    usage = counted
    match end:
        case "cached":
            usage = replace(counted, cache_write_1h_tokens=most)
            heard(meter, answer(Heard(first, "r")))
        case "counted":
            heard(meter, answer(Heard(first, "r")))
        case "silent":
            usage = Usage()
            heard(meter, answer(Heard(first, "r")))
        case "left":
            usage = Usage()
            unheard(
                meter,
                [Attempt(first, ANSWERED, usage=counted), Attempt(last, "given_up", may_cost=True)][
                    : len(plan.candidates)
                ],
            )
        case _:
            tried = (Attempt(first, "check:x", usage=counted, may_cost=True), Attempt(last, ANSWERED))
            heard(meter, answer(Heard(last, "r", tried=tried[-len(plan.candidates) :])))
    paying.settle(meter, usage, "model.answered", {})
    return True


@settings(max_examples=8)
@given(
    calls=st.lists(st.tuples(TURNS, st.integers(1, 400), ENDS), min_size=8, max_size=24),
    cap=st.integers(50_000, 3_000_000),
)
def test_no_text_and_no_way_to_end_overspends_a_cap(
    calls: list[tuple[list[dict[str, object]], int, str]], cap: int
) -> None:
    """A token a byte in every script, at the dearest kind, and all that were asked charge: the cap holds."""

    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with purse(Path(folder)) as found:
                paying, lines = till(found, Budget(Scope.TEAM, Window.DAY, hard_micros=cap))
                await asyncio.gather(*(one_call(paying, *one) for one in calls))
                await found.installation.writer.stop()
                assert all((line.cost_micros or 0) <= line.reserved_micros for line in lines)
                assert all(spent <= cap and held == 0 for spent, held in found.accounts().values())

    asyncio.run(play())


async def test_256_calls_at_once_spend_a_cap_to_the_last_that_fits(tmp_path: Path) -> None:
    """Each is counted at its very worst: as many pass as fit, and not a micro-dollar more is spent."""
    parts = [{"type": "text", "text": "漢" * 100}]
    made, _ = asked(parts, 50)
    async with purse(tmp_path) as found:
        open_ended, _ = till(found, Budget(Scope.OWNER, Window.DAY, hard_micros=10**12))
        meter, _ = await open_ended.enter(made, Plan("r", (CHEAP,)), requester(), SAID)
        each = meter.opened.reserved_micros
        open_ended.settle(meter, Usage(), "model.answered", {})
        cap = each * 40 + each // 2
        paying, lines = till(found, Budget(Scope.TEAM, Window.DAY, hard_micros=cap))

        async def one() -> bool:
            try:
                held, _ = await paying.enter(made, Plan("r", (CHEAP,)), requester(), SAID)
            except LimitError:
                return False
            heard(held, answer(Heard(CHEAP, "r")))
            most = each - 2 * 50
            paying.settle(held, Usage(input_tokens=most, output_tokens=50, is_reported=True), "model.answered", {})
            return True

        passed = sum(await asyncio.gather(*(one() for _ in range(256))))
        assert passed == 40
        assert [line.cost_micros for line in lines] == [each] * 40
        await found.installation.writer.stop()
        spent = [spent for key, (spent, _) in found.accounts().items() if key.startswith("team:")]
        assert spent == [40 * each]
