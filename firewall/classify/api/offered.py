"""`policies/apis/kubernetes.tsv`: what a Kubernetes API server offers of itself, by group, resource and method.

A group of the table is Kubernetes' own: what it does not list is newer than the table, or nothing, and unknown.
Other groups are custom resources, which have `status` and `scale` and no other subresource (its documentation,
Custom Resources), or aggregated servers, whose subresources do what their makers please.
"""

from collections.abc import Mapping
from typing import NewType, cast

from firewall.classify.api.table import Table

Offer = NewType("Offer", Mapping[tuple[str, str, bool], Mapping[str, str]])
"""(group, resource or resource/subresource, whether one is named) -> method -> `x-kubernetes-action`."""

CUSTOM = frozenset({"", "status", "scale"})
"""Subresources of a custom resource."""
CORE = "core"
_KEPT = "offered"


def offer_of(table: Table | None) -> Offer | None:
    """Return what a table of kind `kubernetes` lists, read once; None without one."""
    if table is None or table.kind != "kubernetes":
        return None
    kept = table.kept.get(_KEPT)
    if kept is None:
        kept = table.kept[_KEPT] = {
            (group, what, number == "one"): dict(verb.split("=", 1) for verb in verbs.split(" "))
            for group, what, number, verbs in (line.split("\t") for line in table.body.splitlines())
        }
    return cast("Offer", kept)


def is_own(offer: Offer, group: str) -> bool:
    """Tell whether a group is one of Kubernetes' own."""
    return any(known == (group or CORE) for known, _, _ in offer)


def action_of(offer: Offer, method: str, group: str, what: str, *, named: bool) -> str:
    """Return the action of a method on a resource; empty: it is not offered."""
    return offer.get((group or CORE, what, named), {}).get(method, "")
