"""AWS: (service, operation, arguments) to effects, for the command line and for requests on the wire.

The table gives an operation's effects; the rules of the host row in hosts.toml look at its arguments.
Wire forms (botocore's service models): `Action=` in a form or the address, `X-Amz-Target`, method with path.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.classify.api.routes import Node, add_route, find
from firewall.classify.api.table import Operation, Table, effects_of

_WORD = re.compile(r"[^a-z0-9]")
_REGION = re.compile(r"(?:[a-z]{2}(?:-[a-z]+)+-\d|us-gov-[a-z]+-\d|aws-global|fips|dualstack|global)")


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the table; its operations are read when asked for."""

    name: str
    """As the command line calls it."""
    prefixes: tuple[str, ...]
    """First labels of its hosts."""
    target: str
    start: int
    end: int
    """Where its operations stand in the table's text."""


@dataclass(frozen=True, slots=True)
class Known:
    """An operation that the table names."""

    service: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class _Index:
    by_name: Mapping[str, Service]
    by_prefix: Mapping[str, tuple[Service, ...]]
    by_target: Mapping[str, Service]


def plain(name: str) -> str:
    """Return a name as both the command line (`list-auto-ml-jobs`) and the API (`ListAutoMLJobs`) write it."""
    return _WORD.sub("", name.lower())


def _index(table: Table) -> _Index:
    kept = table.kept.get("services")
    if isinstance(kept, _Index):
        return kept
    services: list[Service] = []
    body = table.body
    at = 0
    while at < len(body):
        end = body.index("\n", at)
        _, name, prefixes, target = body[at:end].split("\t")
        following = body.find("\n=\t", end)
        stop = following + 1 if following >= 0 else len(body)
        services.append(Service(name, tuple(prefixes.split(",")), target, end + 1, stop))
        at = stop
    by_prefix: dict[str, list[Service]] = {}
    for service in services:
        for prefix in service.prefixes:
            by_prefix.setdefault(prefix, []).append(service)
    made = _Index(
        {plain(service.name): service for service in services},
        {
            prefix: tuple(sorted(found, key=lambda service: service.name != prefix))
            for prefix, found in by_prefix.items()
        },
        {service.target.lower(): service for service in services if service.target != "-"},
    )
    table.kept["services"] = made
    return made


def _operations(table: Table, service: Service) -> dict[str, Operation]:
    key = f"operations {service.name}"
    kept = table.kept.get(key)
    if isinstance(kept, dict):
        return kept
    made: dict[str, Operation] = {}
    for line in table.body[service.start : service.end].splitlines():
        effects, name = line.split("\t", 2)[:2]
        made[plain(name)] = Operation(name, effects_of(effects))
    table.kept[key] = made
    return made


def _routes(table: Table, service: Service) -> Node:
    key = f"routes {service.name}"
    kept = table.kept.get(key)
    if isinstance(kept, Node):
        return kept
    root = Node()
    for line in table.body[service.start : service.end].splitlines():
        columns = line.split("\t")
        if len(columns) == 4:
            effects, name, method, path = columns
            add_route(root, method, path, Operation(name, effects_of(effects)))
    table.kept[key] = root
    return root


def is_service(table: Table, name: str) -> bool:
    """Tell whether the command line has a service of that name."""
    return plain(name) in _index(table).by_name


def by_command(table: Table, service: str, operation: str) -> Known | None:
    """Return the operation of `aws SERVICE OPERATION`; None: the table does not name it."""
    found = _index(table).by_name.get(plain(service))
    return _known(table, found, operation) if found is not None else None


def _known(table: Table, service: Service, operation: str) -> Known | None:
    found = _operations(table, service).get(plain(operation))
    return Known(service.name, found) if found is not None else None


def by_target(table: Table, target: str) -> Known | None:
    """Return the operation of an `X-Amz-Target` header."""
    prefix, _, operation = target.rpartition(".")
    service = _index(table).by_target.get(prefix.lower())
    return _known(table, service, operation) if service is not None else None


def takes_target(table: Table, host: str, target: str) -> bool:
    """Tell whether an `X-Amz-Target` header belongs to a service that answers at a host."""
    service = _index(table).by_target.get(target.rpartition(".")[0].lower())
    return service is not None and service in services_at(table, host)


def by_action(table: Table, host: str, action: str) -> list[Known]:
    """Return the operations of that name at a host; several services may share it."""
    found = (_known(table, service, action) for service in services_at(table, host))
    return [known for known in found if known is not None]


def by_path(table: Table, host: str, method: str, *, path: Sequence[str], query: Sequence[str]) -> list[Known]:
    """Return the operations that method and path name at a host."""
    found: list[Known] = []
    bucket = bucket_of(host)
    for service in services_at(table, host):
        segments = [bucket, *path] if bucket and service.name == "s3api" else list(path)
        operation = find(_routes(table, service), method, segments, query)
        if operation is not None:
            found.append(Known(service.name, operation))
    return found


def has_routes(table: Table, host: str) -> bool:
    """Tell whether an API at a host names operations by method and path."""
    return any(
        _routes(table, service).inner or _routes(table, service).operations for service in services_at(table, host)
    )


def services_at(table: Table, host: str) -> tuple[Service, ...]:
    """Return the services that answer at a host (`ec2.eu-west-1.amazonaws.com`, `api.ecr.…`, `b.s3.…`)."""
    index = _index(table)
    labels = host.lower().removesuffix(".cn").removesuffix(".amazonaws.com").removesuffix(".api.aws").split(".")
    words = [label for label in labels if not _REGION.fullmatch(label)]
    for start in range(len(words) if not bucket_of(host) else 0):
        for name in (".".join(words[start:]), words[start]):
            if name.removesuffix("-fips") in index.by_prefix:
                return index.by_prefix[name.removesuffix("-fips")]
    s3 = bucket_of(host) != "" or any(word == "s3" or word.startswith("s3-") for word in words[-1:])
    return index.by_prefix.get("s3", ()) if s3 else ()


def bucket_of(host: str) -> str:
    """Return the bucket of a virtual-hosted address (`bucket.s3.eu-west-1.amazonaws.com`)."""
    found = re.match(r"(.+)\.s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$", host.lower())
    return found[1] if found is not None and found[1] != "control" else ""
