"""Break-glass for tests: people, rules and the services over a log in memory."""

from dataclasses import dataclass, field, replace

from firewall.approvals.glass import Glass, GlassRules
from firewall.approvals.people import Approver
from firewall.approvals.reviewing import Reviews
from firewall.approvals.service import Approvals
from firewall.approvals.wanted import Wanted
from firewall.core.demand import demand_of
from firewall.core.notice import Alert
from firewall.core.verdict import Obligations
from tests.support.approving import MemoryLog, StillClock, approvals, wanted

WHY = "the database is filling up and nobody on call answers"
FULL = Obligations(demands=(demand_of("oncall", quorum=2),), auth="passkey", typed=True)
"""What production asks for: nobody meets it alone."""
RULES = GlassRules(people=frozenset({"gina"}), groups=frozenset({"sre"}))
GINA = Approver("gina", "approver", auth="passkey")
"""Named by her account."""
SAM = Approver("sam", "approver", ("sre",), auth="passkey")
"""Named by his group."""
ANNA = Approver("anna", "approver", ("oncall",), auth="passkey")
BERT = Approver("bert", "approver", ("oncall",), auth="passkey")
OLGA = Approver("olga", "admin", ("sre",), auth="passkey")
"""Named as well, and the agent's owner."""
AUDITOR = Approver("ada", "auditor")
EVERYBODY = (GINA, SAM, ANNA, BERT, OLGA, AUDITOR)
TYPED = "file:/srv/data"


@dataclass(slots=True)
class Heard:
    """A teller that remembers."""

    alerts: list[Alert] = field(default_factory=list)

    async def alert(self, alert: Alert) -> None:
        """As the port says."""
        self.alerts.append(alert)


@dataclass(slots=True)
class Cabinet:
    """Everything about break-glass over a log in memory."""

    log: MemoryLog
    clock: StillClock
    approvals: Approvals
    glass: Glass
    reviews: Reviews
    heard: Heard


def asked(**changes: object) -> Wanted:
    """Build a call that needs two people of a group, a passkey and a typed name."""
    return replace(wanted(), obligations=FULL, **changes)  # type: ignore[arg-type]  # tests name the fields


def cabinet(log: MemoryLog | None = None, rules: GlassRules | None = RULES, **more: object) -> Cabinet:
    """Build the services; `more`: rules of approvals."""
    log, clock, heard = log or MemoryLog(), StillClock(), Heard()
    if not log.listed:
        log.permit(*EVERYBODY)
    service = approvals(log, clock, **more)
    reviews = Reviews(
        approvals=service,
        sequencer=log,
        store=log,
        clock=clock,
        teller=heard,
        remind_s=(rules or GlassRules()).remind_s,
    )
    glass = Glass(approvals=service, sequencer=log, clock=clock, rules=rules, broken=reviews.broken)
    return Cabinet(log, clock, service, glass, reviews, heard)
