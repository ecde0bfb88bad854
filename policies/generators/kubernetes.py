"""Make the table of what a Kubernetes API server offers: `python policies/generators/kubernetes.py FOLDER SOURCE`.

FOLDER holds `kubernetes/client/api/*_api.py` of the PyPI package `kubernetes`, which openapi-generator makes from
`api/openapi-spec` of kubernetes/kubernetes: each operation has its method, its path and a name that begins with the
`x-kubernetes-action`. Versions of a group are one: what a request does is not told by `v1` or `v1beta1`. What the
actions do to what is for `firewall/classify/api/kubernetes.py` to say, so that custom resources are read alike.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

from write import write_table

_OPERATION = re.compile(
    r"def _(?P<name>\w+)_serialize\(.*?method='(?P<method>[A-Z]+)',\s*resource_path='(?P<path>[^']+)'", re.DOTALL
)
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[a-z0-9.]+))/v\d\w*/(?:namespaces/\{namespace\}/)?"
    r"(?P<resource>[a-z]+)(?P<one>/\{name\}(?:/(?P<sub>[a-z]+))?(?P<rest>/\{path\})?)?"
)
_ACTIONS = {"create": "post", "read": "get", "replace": "put"}
_KNOWN = frozenset({"connect", "delete", "deletecollection", "get", "list", "patch", "post", "put", "watch"})


def main(folder: str, source: str) -> None:
    """Write the table."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for file in sorted(Path(folder).glob("kubernetes/client/api/*_api.py")):
        for operation in _OPERATION.finditer(file.read_text("utf-8")):
            path = _PATH.fullmatch(operation["path"])
            if path is None:
                continue  # discovery, health and the issuer's keys
            what = path["resource"] + (f"/{path['sub']}" if path["sub"] else "")
            row = (path["group"] or "core", what, "one" if path["one"] else "all")
            found[row].add(f"{operation['method']}={_action(operation['name'])}")
    head = {
        "kind": "kubernetes",
        "source": source,
        "licence": "Apache-2.0",
        "made by": "policies/generators/kubernetes.py",
    }
    lines = ["\t".join((*row, " ".join(sorted(verbs)))) for row, verbs in sorted(found.items())]
    written = write_table("kubernetes.tsv", head, lines)
    sys.stderr.write(f"{written.name}: {len(lines)} rows, {written.stat().st_size} bytes\n")


def _action(name: str) -> str:
    first = name.partition("_")[0]
    action = "deletecollection" if name.startswith("delete_collection_") else _ACTIONS.get(first, first)
    if action not in _KNOWN:
        raise SystemExit(f"`{name}` begins with no action that is known")
    return action


if __name__ == "__main__":
    main(*sys.argv[1:])
