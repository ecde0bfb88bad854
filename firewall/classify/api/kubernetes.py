"""Requests to a Kubernetes API server: verb and resource from method and path, as `x-kubernetes-action` says.

Paths: `/api/v1/…` and `/apis/GROUP/VERSION/…`, with `namespaces/NAME/`, `watch/`, a resource, a name and a
subresource. The shape is fixed for every resource, custom ones included (Kubernetes API concepts); what a server
offers of itself stands in a table made from its OpenAPI description (`offered.py`), and what is neither there nor
something that custom resources have is unknown.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.classify.api.keeping import lets_go
from firewall.classify.api.offered import CUSTOM, Offer, action_of, is_own
from firewall.classify.api.predicates import fits
from firewall.classify.phrases import singular
from firewall.core.effect import Effect

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
CONNECTS = frozenset({"exec", "attach", "portforward", "proxy", "console", "vnc", "usbredir"})
"""Those of pods, services and nodes, and those of virtual machines (KubeVirt), whose GET opens a channel."""
_RIGHTS_GROUPS = frozenset(
    {"rbac.authorization.k8s.io", "admissionregistration.k8s.io", "certificates.k8s.io", "apiregistration.k8s.io"}
)
_REVIEWS = frozenset({"authorization.k8s.io", "authentication.k8s.io"})
_RIGHTS = frozenset({"serviceaccounts", "networkpolicies", "podsecuritypolicies"})
_SUBRESOURCES: Mapping[str, tuple[Effect, ...]] = {
    "eviction": (Effect.DISRUPTIVE,),
    "token": (Effect.PRIVILEGE, Effect.SECRET),
    "ephemeralcontainers": (Effect.EXEC,),
}
_NEVER_DRY = frozenset({Effect.EXEC, Effect.UNKNOWN})
"""What a server need not know how to try out."""
_VERBS = {"POST": "create", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"}
_SHAPE = re.compile(
    r"/api/v1/(?:watch/)?(?:namespaces|nodes|persistentvolumes|componentstatuses)(?:/|$)"
    r"|/apis/(?:[a-z0-9-]+\.)+[a-z]{2,}/v\d+(?:(?:alpha|beta)\d+)?(?:/|$)"
    r"|/apis/(?:apps|batch|autoscaling|policy|extensions)/v\d+(?:(?:alpha|beta)\d+)?(?:/|$)"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names."""

    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    sub: str = ""


def looks_like(path: str) -> bool:
    """Tell whether a path has the shape of an API server's, whatever the host is called."""
    return _SHAPE.match(path) is not None


def is_likely_cluster(host: str, port: int) -> bool:
    """Tell whether a host is named like an API server, listens where they do, or is no public address."""
    if "k8s" in host or "kube" in host or host == "localhost" or port in (6443, 16443):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def target_of(segments: Sequence[str]) -> Target | None:
    """Return what a path names; None: discovery, health or nothing of the API."""
    parts = list(segments)
    if parts[:1] == ["api"] and len(parts) > 1:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 2:
        group, rest = parts[1], parts[3:]
    else:
        return None
    if rest[:1] == ["watch"]:
        rest = rest[1:]
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("finalize", "status"):
        namespace, rest = rest[1], rest[2:]
    if not rest:
        return None
    return Target(group, rest[0], namespace, rest[1] if len(rest) > 1 else "", rest[2] if len(rest) > 2 else "")


def judge(
    method: str,
    segments: Sequence[str],
    query: Mapping[str, object],
    body: Mapping[str, object] | None,
    *,
    offer: Offer | None = None,
) -> tuple[set[Effect], str]:
    """Return effects and a summary.

    `body`: the request's object, None where it is not seen or not JSON. `offer`: what servers offer of themselves;
    None: the shape alone speaks.
    """
    target = target_of(segments)
    if target is None:
        return _outside(method, segments)
    effects = _effects(method, target, body)
    if offer is not None:
        effects = _as_offered(offer, method, target, effects)
    what = f"{singular(target.resource)} `{target.name}`" if target.name else target.resource
    where = f" in namespace `{target.namespace}`" if target.namespace else ""
    if method not in _READING and not effects & _NEVER_DRY and fits({"dryRun": "All"}, query):
        return {Effect.READ}, f"shows what {_VERBS.get(method, method)} of {what}{where} would do"
    return effects, _summary(method, target, effects, f"{what}{where}")


def _outside(method: str, segments: Sequence[str]) -> tuple[set[Effect], str]:
    if method in _READING:
        return {Effect.READ}, "reads what the cluster offers"
    if segments[:1] in (["api"], ["apis"]):
        return {Effect.UNKNOWN}, ""
    return {Effect.DESTRUCTIVE if method == "DELETE" else Effect.UNKNOWN}, ""


def _as_offered(offer: Offer, method: str, target: Target, effects: set[Effect]) -> set[Effect]:
    """Return the effects that the shape tells, and unknown where no server promises that the shape holds."""
    what = f"{target.resource}/{target.sub}" if target.sub else target.resource
    named = bool(target.name)
    action = action_of(offer, method, target.group, what, named=named)
    if action == "connect":
        return {Effect.EXEC}
    if action or method in _READING:
        return effects
    if (
        not is_own(offer, target.group)
        and target.sub in CUSTOM
        and (named != (method == "POST") or method == "DELETE")
    ):
        return effects
    return effects | {Effect.UNKNOWN}


def _effects(method: str, target: Target, body: Mapping[str, object] | None) -> set[Effect]:
    if target.sub in CONNECTS:
        return {Effect.EXEC}
    if method in _READING:
        return {Effect.SECRET if (target.resource == "secrets" and not target.group) else Effect.READ}
    rights = target.group in _RIGHTS_GROUPS or target.resource in _RIGHTS
    if method == "DELETE":
        return {Effect.DESTRUCTIVE, Effect.PRIVILEGE} if rights else {Effect.DESTRUCTIVE}
    if method not in _VERBS:
        return {Effect.UNKNOWN}
    if not target.sub and lets_go(method, target.group, target.resource, body):
        return {Effect.DESTRUCTIVE}
    special = _special(target)
    return special or ({Effect.PRIVILEGE} if rights else _changed(body))


def _special(target: Target) -> set[Effect]:
    """Return the effects of subresources and reviews that mean more, or less, than a change."""
    if target.group in _REVIEWS:
        return {Effect.READ}
    if target.resource == "namespaces" and target.sub == "finalize":
        return {Effect.DESTRUCTIVE}
    return set(_SUBRESOURCES.get(target.sub, ()))


def _changed(body: Mapping[str, object] | None) -> set[Effect]:
    """Look at what is written: nothing left running is disruptive, a cordon as well."""
    if body is None:
        return {Effect.WRITE}
    stops = ({"spec.replicas": 0}, {"spec.unschedulable": True}, {"spec.suspend": True}, {"spec.parallelism": 0})
    if any(fits(when, body) for when in stops):
        return {Effect.DISRUPTIVE}
    if fits({"items.value": 0, "items.path": "~replicas"}, body):
        return {Effect.DISRUPTIVE}
    return {Effect.WRITE}


def _summary(method: str, target: Target, effects: set[Effect], what: str) -> str:
    every = "" if target.name else "every one of the "
    verb = _VERBS.get(method, method)
    if method != "DELETE" and effects == {Effect.DESTRUCTIVE} and not target.sub:
        return (
            f"has data deleted: {verb} {what}" if method == "POST" else f"takes away what keeps {what} or its data"
        )
    told = (
        (Effect.EXEC, f"connects to {what}: {target.sub}"),
        (Effect.DESTRUCTIVE, f"deletes {every}{what}; no undo through this API"),
        (Effect.PRIVILEGE, f"changes who may do what: {verb} {what}"),
        (Effect.SECRET, f"reads {what}, which shows credentials"),
        (Effect.DISRUPTIVE, f"stops {what}"),
        (Effect.READ, f"reads {what}"),
    )
    return next((words for effect, words in told if effect in effects), f"{verb} {what}")
