"""What keeps an object of a cluster or its data: finalizers, reclaim policies, and requests that delete backups.

Writing one of these loses nothing at once; it decides that the next deletion, or a controller, takes the data
along.
"""

from collections.abc import Mapping

from firewall.classify.api.predicates import fits

_REQUESTS = frozenset({("velero.io", "deletebackuprequests")})
"""Objects whose making has something deleted."""
_LETTING_GO = (
    {"spec.persistentVolumeReclaimPolicy": "Delete"},
    {"spec.deletionPolicy": "Delete"},
    {"deletionPolicy": "Delete"},
    {"items.path": "~(?:reclaimpolicy|deletionpolicy)$", "items.value": "Delete"},
    {"items.op": "remove", "items.path": "~^/metadata/finalizers"},
)


def lets_go(method: str, group: str, resource: str, body: Mapping[str, object] | None) -> bool:
    """Tell whether a write takes away what keeps data; `body`: what is written, None where it is not seen."""
    if method == "POST":
        return (group, resource) in _REQUESTS
    if body is None:
        return False
    return any(fits(when, body) for when in _LETTING_GO) or _without_finalizers(body)


def _without_finalizers(body: Mapping[str, object]) -> bool:
    metadata = body.get("metadata")
    return isinstance(metadata, Mapping) and "finalizers" in metadata and not metadata["finalizers"]
