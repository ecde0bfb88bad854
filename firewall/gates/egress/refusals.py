"""What the forward proxy says when it does not serve: stable codes, and what to use instead."""

from firewall.core.errors import AuthError, FirewallError
from firewall.gates.edge.refusal import Rendered
from firewall.gates.infra import problem

CHALLENGE = (b"proxy-authenticate", b'Basic realm="stayhand"')
_USE = (
    "package registries, git hosts and documentation can be read through this proxy; APIs are reached as a target "
    "(/infra/NAME on the firewall, or their own host where a target is configured), which adds the credential; "
    "ask the operator to list the host under [egress] in stayhand.toml"
)


class EgressRefusedError(FirewallError):
    """A request that is not sent, whoever would agree."""

    status = 403


def unlisted(host: str) -> EgressRefusedError:
    """Return the refusal for a host that nobody listed."""
    return EgressRefusedError(f"`{host}` is not on the list of hosts: {_USE}", code="egress_host_unlisted")


def not_plain(host: str) -> EgressRefusedError:
    """Return the refusal for plain http where it is not served."""
    return EgressRefusedError(f"`{host}` is not read over plain http: use https://", code="egress_plain_http")


def no_target(host: str) -> EgressRefusedError:
    """Return the refusal for a target's host that the token does not reach."""
    return EgressRefusedError(
        f"`{host}` belongs to a target that this token does not reach: use a token of its environment",
        code="target_not_found",
    )


def several(host: str, names: list[str]) -> EgressRefusedError:
    """Return the refusal for a host that several targets of the token share."""
    listed = ", ".join(f"/infra/{name}" for name in names)
    return EgressRefusedError(
        f"`{host}` belongs to several targets of this token: say which by its address on the firewall ({listed})",
        code="target_ambiguous",
    )


def render(path: str, error: FirewallError) -> Rendered:  # noqa: ARG001 - one shape for every path
    """Render a refusal as a problem document; without a good token as a proxy asks for one."""
    shown = FirewallError(error.public, code=error.code, status=407) if isinstance(error, AuthError) else error
    status, headers, body = problem.of_error(shown)
    more = tuple(pair for pair in headers if pair[0] != b"content-type")
    asked = (CHALLENGE,) if shown is not error else ()
    return Rendered(status, b"application/problem+json", body, (*more, *asked))
