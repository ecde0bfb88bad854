"""A request to AWS as it leaves: signed with the target's real credential, for the host that it names."""

from functools import lru_cache

from firewall.core.outgoing import Outgoing
from firewall.core.secret import Secret
from firewall.gates.infra.aws import endpoints
from firewall.gates.infra.targets import Target
from firewall.routing.port import Credential, Endpoint, UpstreamRequest


def request_of(target: Target, outgoing: Outgoing) -> tuple[Endpoint, UpstreamRequest]:
    """Sign what was judged with the target's real credential.

    Raises: ConfigError when that cannot be read.
    """
    endpoint = _endpoint(target.endpoint, outgoing.host) if target.by_host else target.endpoint
    key = endpoints.read_key(target.key().reveal())
    region, _, service = outgoing.scope.partition("/")
    made = endpoints.sign(
        outgoing,
        url=f"{endpoint.base_url.rstrip('/')}{outgoing.target}",
        region=region,
        service=service,
        key=key,
    )
    # What an answer may repeat is scrubbed from it: the session token where there is one.
    name = "x-amz-security-token" if key.session else "authorization"
    credential = Credential(name, Secret(made.pop(name)))
    sent = [*outgoing.headers, *made.items()]
    return endpoint, UpstreamRequest(
        method=outgoing.method,
        path=outgoing.path,
        query=outgoing.query,
        fields=[(field.encode("ascii"), value.encode("latin-1")) for field, value in sent],
        body=outgoing.body,
        credential=credential,
        verbatim=True,
        redirects=True,
    )


@lru_cache(maxsize=512)
def _endpoint(configured: Endpoint, host: str) -> Endpoint:
    return Endpoint(name=configured.name, base_url=f"https://{host}", timeouts=configured.timeouts)
