"""What providers tell of the credentials of targets, for `stayhand doctor`."""

import asyncio
from collections.abc import Iterator

from firewall.core.errors import FirewallError
from firewall.gates.infra.scopes.probing import Found, probe_all
from firewall.gates.infra.targets import Target, targets_of
from firewall.routing.upstream import HttpUpstream
from firewall.settings.settings import Settings


def scopes_of(settings: Settings, *, offline: bool) -> Iterator[tuple[str, str, str]]:
    """Yield (level, what, hint) for each target's credential; `offline` asks nobody."""
    try:
        targets = list(targets_of(settings).values())
    except FirewallError:
        return  # doctor has said so already
    if offline:
        for target in targets:
            yield "skipped", f"target {target.spec.name}: its scope was not checked: --offline", ""
        return
    for one in asyncio.run(_asked(targets)):
        yield one.scope.level.value, f"target {one.target}: {one.scope.what}", one.scope.hint


async def _asked(targets: list[Target]) -> list[Found]:
    upstream = HttpUpstream()
    try:
        return await probe_all(targets, upstream)
    finally:
        await upstream.close()
