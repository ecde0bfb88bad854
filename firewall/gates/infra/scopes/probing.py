"""Which provider is asked for which target, all at once, within a bound; whatever fails is said, never raised."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType

from firewall.core.errors import ConfigError, FirewallError, UpstreamError
from firewall.core.target import TargetKind
from firewall.gates.infra.scopes.asking import Asker
from firewall.gates.infra.scopes.aws import aws
from firewall.gates.infra.scopes.clouds import cloudflare, digitalocean, vercel
from firewall.gates.infra.scopes.code_hosts import github
from firewall.gates.infra.scopes.databases import neon, supabase
from firewall.gates.infra.scopes.kubernetes import kubernetes
from firewall.gates.infra.scopes.payments import stripe
from firewall.gates.infra.scopes.platforms import fly, fly_machines, railway
from firewall.gates.infra.scopes.telling import Level, Scope, offline, unclear
from firewall.gates.infra.targets import Target
from firewall.routing.port import Upstream

TOTAL_S = 20.0
"""For one target, all of its questions together."""
Look = Callable[[Asker], Awaitable[list[Scope]]]
BY_HOST = MappingProxyType(
    {
        "api.github.com": github,
        "backboard.railway.app": railway,
        "backboard.railway.com": railway,
        "api.digitalocean.com": digitalocean,
        "api.cloudflare.com": cloudflare,
        "api.stripe.com": stripe,
        "api.vercel.com": vercel,
        "console.neon.tech": neon,
        "api.supabase.com": supabase,
        "api.fly.io": fly,
        "api.machines.dev": fly_machines,
    }
)
_BY_KIND = MappingProxyType({TargetKind.AWS: aws, TargetKind.KUBERNETES: kubernetes})


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one target's credential."""

    target: str
    scope: Scope


async def probe_all(targets: Iterable[Target], upstream: Upstream) -> list[Found]:
    """Ask the providers of targets what their credentials may do; the order is that of the targets."""
    asked = list(targets)
    answers = await asyncio.gather(*(_probe(target, upstream) for target in asked))
    return [Found(target.spec.name, scope) for target, said in zip(asked, answers, strict=True) for scope in said]


async def _probe(target: Target, upstream: Upstream) -> list[Scope]:
    look: Look | None = _BY_KIND.get(target.spec.kind) or BY_HOST.get(target.spec.host)
    if look is None:
        return [Scope(Level.SKIPPED, "its provider tells nobody what a credential may do, as far as we know")]
    try:
        async with asyncio.timeout(TOTAL_S):
            said = await look(Asker(target, upstream))
    except ConfigError as error:
        return [Scope(Level.ERROR, error.public, error.hint)]
    except UpstreamError as error:
        return [offline(error.public)]
    except FirewallError as error:
        return [Scope(Level.SKIPPED, f"its scope is not known: {error.public}")]
    except TimeoutError:
        return [offline("the provider takes too long")]
    return [*said, *_claim(target, said)]


def _claim(target: Target, said: list[Scope]) -> list[Scope]:
    """Hold `scoped = true` against what the provider says."""
    if target.spec.scoped and any(one.level is Level.UNSAFE for one in said):
        return [
            Scope(
                Level.UNSAFE,
                "`scoped = true` is not so: it reaches more than one environment, and is judged as if it did not",
                "remove `scoped`, or use a credential of that environment alone",
            )
        ]
    if target.spec.scoped and all(one.level is Level.SKIPPED for one in said):
        return [unclear("`scoped = true` stands on your word alone")]
    return []
