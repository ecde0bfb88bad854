"""Where a request to AWS belongs: its service's host, out of the credential scope that its client signed.

The client knows one address, ours; which service it means it says by the signing name and the region of the
scope. A signing name that several APIs share is told apart by the operation, as the classification's table knows
it. INVARIANT: the host that is found here is judged and is sent to; a wrong guess can fail, it cannot get past.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from firewall.classify.api import aws as wire
from firewall.classify.api.request import object_of, query_of, readings, words_of_query
from firewall.classify.api.table import Table
from firewall.core.errors import ProtocolError
from firewall.core.outgoing import Outgoing
from firewall.gates.infra.aws import endpoints
from firewall.gates.infra.aws.sigv4 import Signed

TableOf = Callable[[], Table | None]
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}")
_CUSTOMERS = frozenset({"execute-api", "lambda-url", "vpc-lattice-svcs", "cloudsearchdomain", "aoss"})
"""Signing names of what customers run at hosts of their own: not to be found by a name and a region."""
_CONTROL_PATH = "/v20180820/"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes, and what it is signed for there."""

    host: str
    region: str
    service: str
    """The signing name."""

    @property
    def scope(self) -> str:
        """Region and signing name as one word."""
        return f"{self.region}/{self.service}"


def place_of(signed: Signed, outgoing: Outgoing, table: TableOf) -> Place:
    """Return where a request goes.

    Raises: ProtocolError `service_unknown` for a region or a service that has no host of AWS.
    """
    if not _REGION.fullmatch(signed.region) or signed.service in _CUSTOMERS:
        raise ProtocolError(
            f"`{signed.service}` in `{signed.region}` is no service of AWS that is served here",
            code="service_unknown",
        )
    prefix = _prefix(signed, outgoing, table)
    found = endpoints.of_service(prefix, signed.region)
    if found is None:
        raise ProtocolError(f"AWS has no region `{signed.region}`", code="service_unknown")
    return Place(found.host, found.region, signed.service)


def _prefix(signed: Signed, outgoing: Outgoing, table: TableOf) -> str:
    candidates = _shared().get(signed.service, (signed.service,))
    if len(candidates) == 1:
        return candidates[0]
    if signed.service == "s3":
        is_control = outgoing.header("x-amz-account-id") and outgoing.path.startswith(_CONTROL_PATH)
        return "s3-control" if is_control else "s3"
    known = table()
    if known is None:
        return candidates[0]
    host = (
        f"{signed.service.lower()}.{signed.region}.amazonaws.com"  # the table lists signing names as hosts as well
    )
    named = _services_named(known, host, outgoing)
    for service in wire.services_at(known, host):
        if service.name in named:
            own = (prefix for prefix in candidates if prefix != signed.service and prefix in service.prefixes)
            return next(own, candidates[0])
    return candidates[0]


def _services_named(table: Table, host: str, outgoing: Outgoing) -> set[str]:
    """Return the services at a host that have the operation which a request names."""
    if target := outgoing.header("x-amz-target"):
        found = wire.by_target(table, target)
        return {found.service} if found is not None else set()
    try:
        form = object_of(outgoing.body.decode("utf-8"), {"content-type": outgoing.header("content-type")}) or {}
    except UnicodeDecodeError:
        form = {}
    if action := form.get("Action") or query_of(outgoing.query).get("Action"):
        return {known.service for known in wire.by_action(table, host, str(action))}
    words = words_of_query(outgoing.query)
    return {
        known.service
        for segments in readings(outgoing.path)
        for known in wire.by_path(table, host, outgoing.method, path=segments, query=words)
    }


@cache
def _shared() -> Mapping[str, tuple[str, ...]]:
    """Return the endpoint prefixes of signing names that are not their own."""
    text = resources.files(__package__).joinpath("signing.tsv").read_text("ascii")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {name: tuple(prefixes.split(",")) for name, prefixes in rows}
