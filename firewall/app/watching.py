"""Where what is seen of model calls goes besides `/metrics`; its libraries are loaded only where it goes."""

import asyncio
from contextlib import AsyncExitStack

from firewall.app.base import Base
from firewall.references import References
from firewall.settings.settings import Settings
from firewall.tokens.vault.sealing import Purpose


async def watch(base: Base, settings: Settings, references: References, stack: AsyncExitStack) -> None:
    """Send traces and metrics to the configured collector until `stack` closes, which sends what is left.

    Raises: ConfigError for a header whose secret cannot be read.
    """
    found = settings.telemetry
    if not found.otlp:
        return
    headers = {
        name.lower(): references.reader(ref, "a collector", Purpose.WEBHOOK)().reveal()
        for name, ref in found.headers.items()
    }
    from firewall.watching.otel import Collector, OpenTelemetry  # takes 0.3 s

    collector = Collector(found.otlp, headers, found.service, found.sample_percent)
    watching = await asyncio.to_thread(OpenTelemetry, collector)
    stack.push_async_callback(asyncio.to_thread, watching.close)
    base.telemetry.forward = watching.called
