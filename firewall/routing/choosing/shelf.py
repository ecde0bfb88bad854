"""Plans that hold for more than one call: of routes and lone providers that ask of a call nothing but its model.

INVARIANT: a plan that is kept is the one that would be made anew. It is kept for one token's grant under one
table, and only where everybody it could name may and can answer, whatever the call says; what the call's size,
pictures, tools, references or phase could change is asked of each call, and so are prices.
"""

from dataclasses import dataclass

from firewall.codecs.traits import Trait
from firewall.core.dialect import Dialect
from firewall.core.grant import Grant
from firewall.routing.call import ModelCall, Plan
from firewall.routing.choosing.reading import PHASE, has_tools, tokens_of
from firewall.routing.choosing.strategies import Strategy
from firewall.routing.choosing.table import Rule, Table

MOST = 4096
"""Plans that are kept; names of models may be made up."""
_ANY = float("inf")
_Key = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class _Kept:
    grant: Grant
    dialect: Dialect
    plan: Plan
    room: float
    """Tokens that all of its candidates can read and write together."""
    most: float
    """Tokens that all of them can write."""


class Shelf:
    """The plans of the table in force."""

    __slots__ = ("_kept", "_table")

    def __init__(self) -> None:
        self._table: Table | None = None
        self._kept: dict[_Key, _Kept] = {}

    def find(self, table: Table, call: ModelCall) -> Plan | None:
        """Return the plan of a call but for its prices; None: it has to be made."""
        if table is not self._table:
            self._table, self._kept = table, {}
            return None
        kept = self._kept.get(_key(call))
        if kept is None or kept.grant is not call.caller.grant or kept.dialect is not call.dialect:
            return None
        wrote = call.request.max_output_tokens or 0
        if wrote > kept.most or tokens_of(len(call.request.body)) + wrote > kept.room:
            return None
        return kept.plan if _is_plain(call) else None

    def keep(self, table: Table, call: ModelCall, plan: Plan) -> None:
        """Keep the plan that was made for a call under a table, where it holds for others."""
        if table is not self._table or table.constraints or plan.left_out or not _is_plain(call):
            return
        rule = next(iter(table.named_for(call.request.model)), None)
        if rule is not None and not _is_steady(rule):
            return
        known = [table.models.of(one.provider.name, one.model) for one in plan.candidates]
        if any(one.data_classes is not None for one in known):
            return
        if len(self._kept) >= MOST:
            self._kept.clear()
        room = min((one.context_window for one in known if one.context_window is not None), default=_ANY)
        most = min((one.max_output_tokens for one in known if one.max_output_tokens is not None), default=_ANY)
        self._kept[_key(call)] = _Kept(call.caller.grant, call.dialect, plan, room, most)


def _key(call: ModelCall) -> _Key:
    return call.caller.lineage[0], call.request.model, has_tools(call.value)


def _is_plain(call: ModelCall) -> bool:
    """Tell whether a call holds nothing that a plan goes by but what `find` looks at."""
    return not call.issuers and PHASE not in call.headers and not call.may_hold(Trait.MEDIA)


def _is_steady(rule: Rule) -> bool:
    """Tell whether a rule leads every call of a grant to the same candidates in the same order."""
    asks = rule.checks or rule.judge or rule.grader or rule.smaller or rule.max_micros or rule.leads_on
    return rule.is_free and rule.strategy is Strategy.PRIORITY and not asks
