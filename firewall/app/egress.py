"""The forward proxy of an installation: its gate, its listener, and what agents need to use it."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from firewall.app.addresses import host_port
from firewall.app.base import Base
from firewall.gates.edge.server import Listener
from firewall.gates.egress.authority import Authority
from firewall.gates.egress.front import Front
from firewall.gates.egress.gate import EgressGate
from firewall.gates.egress.hosts import Hosts
from firewall.gates.egress.protocol import EgressConfig
from firewall.gates.egress.refusals import render
from firewall.gates.egress.upstreams import Upstreams
from firewall.gates.infra.gate import InfraGate
from firewall.guard.guard import Guard
from firewall.routing.roots import system_roots
from firewall.settings.egress import Egress
from firewall.settings.settings import Settings


@dataclass(slots=True, eq=False)
class EgressSide:
    """The forward proxy, ready to be served."""

    settings: Egress
    gate: EgressGate
    authority: Authority
    upstreams: Upstreams

    def listener(self, most_bytes: int) -> Listener:
        """Return where programs connect; `most_bytes`: the largest body that any target takes."""
        host, port = host_port(self.settings.listen)
        app = Front(self.gate, max_body_bytes=max(most_bytes, self.settings.max_body_mib << 20), render=render)
        return Listener(app, host, port, configured=partial(EgressConfig, door=self.gate))

    def bundle(self) -> str:
        """Return the authorities that programs behind the proxy verify with: the system's, and ours."""
        roots = system_roots().read_text(encoding="utf-8", errors="replace")
        return f"{roots.rstrip()}\n{self.authority.bundle()}"

    def handout(self) -> dict[str, object]:
        """Return what it takes to use it: address, authorities as PEM text, until when they are enough."""
        return {
            "listen": self.settings.listen,
            "bundle": self.bundle(),
            "authorities": self.authority.bundle(),
            "expires_at": self.authority.expires_at().isoformat(),
            "tunnels": list(self.settings.tunnel),
        }


def egress_of(base: Base, guard: Guard, infra: InfraGate) -> EgressSide | None:
    """Return the forward proxy where one is configured.

    Raises: ConfigError for an authority that cannot be used.
    """
    settings = base.settings.egress
    if settings is None:
        return None
    anchored = [
        row.model_copy(update={"ca": str(base.settings.anchored(row.ca)) if row.ca else ""})
        for row in settings.host
    ]
    settings = settings.model_copy(update={"host": tuple(anchored)})
    hosts = Hosts(settings, base.targets, lambda: base.rules.snapshot.catalogue.egress)
    authority = Authority(hosts.names(), base.clock)
    upstreams = Upstreams(
        sorted({row.ca for row in settings.host if row.ca}),
        own_ports=own_ports(base.settings),
        timeout_s=settings.timeout_s,
    )
    gate = EgressGate(
        hosts=hosts,
        authority=authority,
        infra=infra,
        guard=guard,
        approvals=base.approvals,
        doorkeeper=base.doorkeeper,
        upstreams=upstreams,
        sequencer=base.installation.writer,
        clock=base.clock,
        hold_s=settings.hold_s,
        max_body_bytes=settings.max_body_mib << 20,
    )
    return EgressSide(settings, gate, authority, upstreams)


def own_ports(settings: Settings) -> list[int]:
    """Return every port on which this installation listens or is reached: nobody is led back there."""
    server = settings.server
    listened = [server.listen, server.control_listen, server.tls_listen]
    listened += [settings.egress.listen] if settings.egress else []
    ports = [host_port(address)[1] for address in listened if address]
    public = urlsplit(server.public_url)
    return sorted({*ports, *([public.port] if public.port else [])})
