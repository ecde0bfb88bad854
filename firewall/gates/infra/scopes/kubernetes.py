"""Kubernetes: the server reviews what the asking subject may do; both reviews keep nothing."""

from firewall.gates.infra.scopes.asking import Asker, Reply
from firewall.gates.infra.scopes.telling import Scope, broad, narrow, refused, silent, unclear

_REVIEWS = "/apis/authorization.k8s.io/v1"
_GRAVE = ("secrets", "pods/exec", "clusterrolebindings", "rolebindings")


async def kubernetes(asker: Asker) -> list[Scope]:
    """Return what the server's own review says."""
    reply = await _review(asker, "selfsubjectaccessreviews", "SelfSubjectAccessReview", {
        "resourceAttributes": {"verb": "*", "group": "*", "resource": "*"},
    })  # fmt: skip
    if reply.is_refused:
        return [refused(reply.status)]
    if reply.at("status", "allowed") is True:
        return [broad("everything in every namespace, as cluster-admin", "bind a role of one namespace")]
    rules = await _review(asker, "selfsubjectrulesreviews", "SelfSubjectRulesReview", {"namespace": "default"})
    found = rules.at("status", "resourceRules")
    if rules.status not in (200, 201) or not isinstance(found, list):
        return [silent(rules.status)]
    grave = sorted({name for rule in found if isinstance(rule, dict) for name in _grave_of(rule)})
    said = (
        [broad(f"in the namespace `default` it reaches {', '.join(grave)}", "leave out what is not needed")]
        if grave
        else [narrow("nothing grave in the namespace `default`, and not everything everywhere")]
    )
    if rules.at("status", "incomplete") is True:
        said.append(unclear("the server says that its review is not complete"))
    return said


async def _review(asker: Asker, path: str, kind: str, spec: object) -> Reply:
    document = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    return await asker.json(f"{_REVIEWS}/{path}", document)


def _grave_of(rule: "dict[str, object]") -> list[str]:
    """Return which grave resources a rule reaches with more than looking; secrets are grave when read."""
    verbs, resources = _words(rule, "verbs"), _words(rule, "resources")
    if not verbs or _words(rule, "resourceNames"):
        return []
    if "*" in resources and "*" in verbs:
        return ["everything"]
    changing = bool(verbs & {"*", "create", "update", "patch", "delete", "deletecollection"})
    return [
        name
        for name in _GRAVE
        if ({name, "*"} & resources) and (changing or (name == "secrets" and verbs & {"get", "list", "watch"}))
    ]


def _words(rule: "dict[str, object]", name: str) -> set[str]:
    value = rule.get(name)
    return {str(one) for one in value} if isinstance(value, list) else set()
