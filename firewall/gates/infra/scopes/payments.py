"""Stripe: the key itself says what it is."""

from firewall.gates.infra.scopes.asking import Asker
from firewall.gates.infra.scopes.telling import Scope, broad, narrow, unclear


async def stripe(asker: Asker) -> list[Scope]:
    """Return what the beginning of the key tells; nobody is asked."""
    kinds = {
        "sk_live_": "live",
        "sk_prod_": "live",
        "sk_test_": "test",
        "rk_live_": "",
        "rk_prod_": "",
        "rk_test_": "",
    }
    kind = next((said for mark, said in kinds.items() if asker.target.key().reveal().startswith(mark)), None)
    if kind is None:
        return [unclear("it has not the form of a Stripe key")]
    if not kind:
        return [narrow("a restricted key")]
    if kind == "live":
        return [
            broad("a secret key of live mode: everything, refunds and payouts included", "use a restricted key")
        ]
    return [unclear("a secret key of test mode: everything there", "use a restricted key")]
