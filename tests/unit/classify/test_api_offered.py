"""What a Kubernetes API server offers of itself, and what nobody promises of others."""

import pytest

from firewall.classify.api import kubernetes
from firewall.classify.api.offered import action_of, is_own, offer_of
from firewall.classify.api.routes import segments_of
from firewall.core.effect import Effect
from tests.support.understanding import shipped_catalogue

OFFER = offer_of(shipped_catalogue().apis["kubernetes"])
PODS = "/api/v1/namespaces/a/pods"
MACHINES = "/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachines"


@pytest.mark.parametrize(
    ("method", "group", "what", "named", "action"),
    [
        ("DELETE", "", "pods", False, "deletecollection"),
        ("DELETE", "", "pods", True, "delete"),
        ("GET", "", "pods/exec", True, "connect"),
        ("PATCH", "apps", "deployments/scale", True, "patch"),
        ("POST", "apps", "deployments/scale", True, ""),
        ("POST", "", "nothing", False, ""),
    ],
)
def test_the_table_says_what_is_offered(method: str, group: str, what: str, action: str, *, named: bool) -> None:
    """A method on a resource has the action of the OpenAPI description, or none."""
    assert OFFER is not None
    assert action_of(OFFER, method, group, what, named=named) == action


def test_own_groups_and_others() -> None:
    """A group of the table is Kubernetes' own, the core group by no name; no table offers nothing."""
    assert OFFER is not None
    assert is_own(OFFER, "")
    assert is_own(OFFER, "apps")
    assert not is_own(OFFER, "x.example.com")
    assert offer_of(None) is None
    assert offer_of(shipped_catalogue().apis["github"]) is None


@pytest.mark.parametrize(
    ("method", "path", "effects"),
    [
        ("POST", PODS, {Effect.WRITE}),
        ("POST", f"{PODS}/p/eviction", {Effect.DISRUPTIVE}),
        ("PATCH", f"{PODS}/p/resize", {Effect.WRITE}),
        ("GET", f"{PODS}/p/log", {Effect.READ}),
        ("PUT", f"{PODS}/p/proxy/admin", {Effect.EXEC}),
        ("POST", f"{PODS}/p/rewind", {Effect.WRITE, Effect.UNKNOWN}),
        ("POST", "/api/v1/namespaces/a/teapots", {Effect.WRITE, Effect.UNKNOWN}),
        ("POST", f"{PODS}/p", {Effect.WRITE, Effect.UNKNOWN}),
        ("DELETE", "/api/v1/namespaces/a/teapots/t", {Effect.DESTRUCTIVE, Effect.UNKNOWN}),
        ("POST", "/apis/x.example.com/v1/namespaces/a/things", {Effect.WRITE}),
        ("PATCH", "/apis/x.example.com/v1/namespaces/a/things/t/scale", {Effect.WRITE}),
        ("DELETE", "/apis/x.example.com/v1/namespaces/a/things", {Effect.DESTRUCTIVE}),
        ("PUT", f"{MACHINES}/m/stop", {Effect.WRITE, Effect.UNKNOWN}),
        ("GET", f"{MACHINES}/m/console", {Effect.EXEC}),
    ],
)
def test_what_nobody_promises_is_unknown(method: str, path: str, effects: set[Effect]) -> None:
    """Offered operations and custom resources are what their shape says; any other change is unknown as well."""
    found, _ = kubernetes.judge(method, segments_of(path), {}, None, offer=OFFER)
    assert found == effects
    told, _ = kubernetes.judge(method, segments_of(path), {"dryRun": "All"}, None, offer=OFFER)
    is_tried = method != "GET" and not effects & {Effect.EXEC, Effect.UNKNOWN}
    assert told == ({Effect.READ} if is_tried else effects)
