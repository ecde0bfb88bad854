"""One question to a target's API with the resolver's own credential: sent, read, bounded.

INVARIANT: the target's credential for agents is not used here and the resolver's nowhere else; redirects are not
followed and addresses are pinned, because the carrier is the gate's own.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from firewall.classify.resolvers.answers import read
from firewall.core.errors import FirewallError
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind
from firewall.gates.infra.targets import ResolverSpec, Target
from firewall.routing.port import Credential, Endpoint, Timeouts, Upstream, UpstreamRequest

_UNKNOWN_STATUS = 404


class Signer(Protocol):
    """Signs requests to AWS with a target's real credential."""

    def request(self, target: Target, outgoing: Outgoing) -> tuple[Endpoint, UpstreamRequest]:
        """Return where a request goes and how it is sent. Raises: FirewallError."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What an API said."""

    status: int = 0
    """0: it said nothing that could be read."""
    value: object = None
    text: str = ""
    """The beginning of an answer that is no success, for patterns that say `there is none`."""
    why: str = ""

    @property
    def is_good(self) -> bool:
        """It answered the question."""
        return 200 <= self.status < 300 and self.value is not None

    @property
    def is_missing(self) -> bool:
        """It says by its status that there is no such thing."""
        return self.status == _UNKNOWN_STATUS


async def ask(
    upstream: Upstream, signer: Signer, target: Target, *, spec: ResolverSpec, outgoing: Outgoing
) -> Answered:
    """Send a question and read the answer; whatever fails is an answer that says why."""
    try:
        endpoint, request = _request(signer, target, spec, outgoing)
        async with await upstream.open(endpoint, request) as response:
            data = await response.read(spec.max_answer_bytes)
            status = response.status
    except FirewallError as error:
        return Answered(why=error.code)
    if 200 <= status < 300:
        value = read(data)
        return Answered(status, value, why="" if value is not None else "the answer cannot be read")
    return Answered(status, text=data[:4000].decode("utf-8", "replace"), why=f"status {status}")


def _request(
    signer: Signer, target: Target, spec: ResolverSpec, outgoing: Outgoing
) -> tuple[Endpoint, UpstreamRequest]:
    times = Timeouts(first_byte_s=spec.timeout_s, idle_s=spec.timeout_s, total_s=spec.timeout_s)
    if target.spec.kind is TargetKind.AWS:
        endpoint, request = signer.request(replace(target, key=spec.key), outgoing)
        return replace(endpoint, timeouts=times), request
    sent = UpstreamRequest(
        method=outgoing.method,
        path=outgoing.path,
        query=outgoing.query,
        fields=[(name.encode("ascii"), value.encode("latin-1")) for name, value in outgoing.headers],
        body=outgoing.body,
        credential=Credential(spec.header, spec.key(), spec.prefix),
        verbatim=True,
    )
    return replace(target.endpoint, timeouts=times), sent
