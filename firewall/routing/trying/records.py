"""What the log says of attempts and circuits: numbers, enums and pseudonyms; names are sealed.

That a call may leave for any candidate of its plan stands in its `model.requested` entry before anybody is asked;
what came of each attempt is an outcome, queued in order.
"""

from dataclasses import dataclass

from firewall.core.breaker import Change, Opened
from firewall.core.ports import Sequencer
from firewall.core.work import Record, Unit
from firewall.routing.call import Attempt
from firewall.routing.trying.circuits import Circuit
from firewall.routing.trying.probing import Probed
from firewall.routing.trying.run import Run
from firewall.sequencer.posting import post

HOUSE = "stayhand/"
"""Before a provider's name where it is made a pseudonym: it is nobody's, so the house's own key makes it."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes entries about attempts and circuits."""

    sequencer: Sequencer

    def attempted(self, run: Run, one: Attempt) -> None:
        """Record what came of an attempt; of a call that was answered at once its own entry says it."""
        provider, model = one.candidate.provider.name, one.candidate.model
        record = Record(
            kind="model.attempted",
            data={
                "request": run.entry,
                "attempt": len(run.tried),
                "outcome": one.outcome,
                "status": one.status,
                "took_ms": one.took_ms,
                "provider": self.sequencer.pseudonym(HOUSE + provider),
                "candidate": self.sequencer.pseudonym(HOUSE + one.candidate.name),
                "drilled": run.drill is not None,
            },
            person=run.call.caller.grant.owner,
            principal=run.call.caller.principal,
            private={"provider": provider, "model": model, "route": run.plan.route},
        )
        post(self.sequencer, Unit(records=(record,)))

    def probed(self, provider: str, one: Probed) -> None:
        """Record what a provider said when it was asked by itself whether it is well."""
        data: dict[str, str | int] = {
            "provider": self.sequencer.pseudonym(HOUSE + provider),
            "outcome": one.outcome,
            "status": one.status,
            "took_ms": one.took_ms,
        }
        record = Record(kind="breaker.probed", data=data, private={"provider": provider})
        post(self.sequencer, Unit(records=(record,)))

    def changed(self, circuit: Circuit, change: Change) -> None:
        """Record that a circuit opened or closed."""
        data: dict[str, str | int] = {
            "provider": self.sequencer.pseudonym(HOUSE + circuit.provider),
            "candidate": self.sequencer.pseudonym(f"{HOUSE}{circuit.provider}/{circuit.model}"),
        }
        if isinstance(change, Opened):
            data["cause"] = change.cause.value
        else:
            data["after_ms"] = int(change.after_s * 1000)
        kind = "breaker.opened" if isinstance(change, Opened) else "breaker.closed"
        private = {"provider": circuit.provider, "model": circuit.model, "key": circuit.key}
        post(self.sequencer, Unit(records=(Record(kind=kind, data=data, private=private),)))
