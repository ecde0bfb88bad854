"""What a request names: the things whose ids stand in its arguments or in its path."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import unquote

from firewall.classify.catalogue import Catalogue
from firewall.classify.resolvers.vendor import Vendor
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetSpec
from firewall.core.thing import Thing, thing_of

MAX_GIVEN = 2000
MAX_DEPTH = 20
MAX_THINGS = 40
CUT = ("\0cut", "")
"""Stands at the end of plain values where there are more, or deeper ones, than are read."""
_WRAPPING = frozenset({"member", "item", "entry"})
"""Words with which AWS's forms number their lists: `InstanceIds.member.1`."""


def flat(arguments: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the plain values of arguments as (dotted name without list numbers, text), at most MAX_GIVEN.

    FAIL-CLOSED: what is left out is not forgotten: CUT stands for it.
    """
    found: list[tuple[str, str]] = []
    for pair in _flat("", arguments, 0):
        if len(found) >= MAX_GIVEN or pair is CUT:
            return [*found, CUT]
        found.append(pair)
    return found


def _flat(name: str, value: object, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        yield CUT
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _flat(name, inner, depth + 1)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield _plain_name(name), str(value)


def _plain_name(name: str) -> str:
    return ".".join(part for part in name.split(".") if not part.isdigit() and part not in _WRAPPING) or name


def vendor_of(spec: TargetSpec, outgoing: Outgoing, catalogue: Catalogue) -> Vendor | None:
    """Return the vendor behind a target; None: no file speaks of it."""
    return catalogue.vendor_of(spec.kind, outgoing.host or spec.host)


def named(
    vendor: Vendor, operation: str, given: list[tuple[str, str]], *, path: str, service: str = ""
) -> tuple[Thing, ...]:
    """Return what a request names, each thing once, in order; `operation` as the vendor's file calls it.

    `service`: of AWS, whose paths mean something to the service alone.
    """
    words = {**vendor.arguments, **_of_operation(vendor, operation.lower())} if given else {}
    found: dict[Thing, None] = {}
    is_cut = bool(words) and given[-1] == CUT
    for name, value in given:
        kind = words.get(name) or words.get(name.rpartition(".")[2])
        if kind:
            found[thing_named(vendor, kind, value, ())] = None
    for rule in vendor.paths_of(operation, service):
        match = rule.pattern.fullmatch(path)
        if match is not None:
            parts = tuple([(word, unquote(value)) for word, value in match.groupdict().items()])
            found[thing_named(vendor, rule.kind, "/".join([value for _, value in parts]), parts)] = None
    if is_cut or len(found) > MAX_THINGS:  # FAIL-CLOSED: that there are more than are looked up is not forgotten
        return (*list(found)[:MAX_THINGS], thing_of(vendor.provider, "more", ""))
    return tuple(found)


def counted(vendor: Vendor, things: Sequence[Thing]) -> frozenset[str]:
    """Return the arguments whose numbers could make less of what is kept of some things."""
    rules = [vendor.things[one.kind] for one in things if one.kind in vendor.things]
    return frozenset(less.argument for rule in rules for less in rule.less)


def numbers(wanted: Collection[str], given: list[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    """Return the numbers that a request sets for arguments that are `wanted`."""
    # FAIL-CLOSED: what is no plain number, or could be set beyond what is read, is taken for none at all.
    found = [
        (name, int(value) if re.fullmatch("[0-9]{1,12}", value) else 0) for name, value in given if name in wanted
    ]
    return tuple(found + [(name, 0) for name in sorted(wanted)] if given and given[-1] == CUT else found)


def _of_operation(vendor: Vendor, operation: str) -> Mapping[str, str]:
    family = f"{operation.partition(':')[0]}:*"
    return {**vendor.operations.get(family, {}), **vendor.operations.get(operation, {})}


def thing_named(
    vendor: Vendor, kind: str, value: str, parts: tuple[tuple[str, str], ...], *, through: str = ""
) -> Thing:
    """Return a thing; one whose id does not look like one is named, and its id is not seen."""
    rule = vendor.things.get(kind)
    values = [text for _, text in parts] if len(parts) > 1 else [value]
    fits = rule is not None and all(len(text) <= 200 and rule.id.fullmatch(text) for text in values)
    return (
        thing_of(vendor.provider, kind, value, parts, through)
        if fits
        else thing_of(vendor.provider, kind, "", (), through)
    )
