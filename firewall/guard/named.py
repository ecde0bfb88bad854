"""What a call names, looked up: ids of a request at its own target, those of a tool's arguments each at theirs."""

import asyncio
from contextlib import suppress

from firewall.classify.resolvers.finding import unseen
from firewall.core.call import CallForm
from firewall.core.outgoing import decode
from firewall.core.thing import Thing
from firewall.core.world import Finding
from firewall.guard.placing import MILD
from firewall.guard.ports import Named, World
from firewall.guard.read import Read


async def found_out(world: World, read: Read) -> tuple[Finding, ...]:
    """Return what is known of all that a call names; never raises for what cannot be known."""
    things: dict[str, dict[Thing, None]] = {}
    for action in read.actions:
        for thing in action.things:
            things.setdefault(thing.through or action.target, {})[thing] = None
    is_fresh = any(not set(action.effects) <= MILD for action in read.actions)
    region = _region(read)
    looks = [_look(world, Named(target, tuple(found), region, is_fresh), read) for target, found in things.items()]
    return tuple(one for findings in await asyncio.gather(*looks) for one in findings)


async def _look(world: World, named: Named, read: Read) -> tuple[Finding, ...]:
    findings = await world.look(named, read.requester, rules=read.rules)
    if read.call.form is CallForm.REQUEST:
        return findings
    # FAIL-CLOSED: an argument names it, so what nobody looks up is not known, whatever else the call names.
    seen = {one.thing for one in findings}
    left = [thing for thing in named.things if thing not in seen]
    return (*findings, *(unseen(None, thing, f"nothing in {named.target} says where it lies") for thing in left))


def _region(read: Read) -> str:
    """Return the region of AWS that a request to a target is signed for."""
    if read.call.form is CallForm.REQUEST:
        with suppress(ValueError):
            return decode(read.call.arguments).scope.partition("/")[0]
    return ""
