"""Make apis/google.tsv: the methods of Google's APIs that do something else than their HTTP method says.

Run with a Python that has google-api-python-client (its wheel holds the discovery documents). Left out is what the
method alone tells: GET reads, DELETE destroys, POST, PUT and PATCH write (see `plain` in hosts.toml). Rules:

- a verb that deletes, purges, clears, drops, wipes or truncates, and a description that agrees: destructive;
  `remove` only where the description says that something is deleted
- a POST whose verb looks (`search`, `batchGet`, `testIamPermissions`, `predict`): read
- IAM policies, keys, roles, members, ACLs, firewalls: privilege; tokens and signatures: secret
- `stop`, `suspend`, `reset`, `pause`, `cancel`: disruptive; `execute…Code`, `scripts.run`: exec
"""

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import googleapiclient
from write import letters, write_table

PLAIN = {"GET": "r", "DELETE": "d", "POST": "w", "PUT": "w", "PATCH": "w"}
_VERB_DELETES = re.compile(
    r"(?:batch |bulk |initiate )?(?:delete|purge|destroy|wipe|drop|truncate|clear|erase|deprovision|remove)(?: |$)"
)
_SAYS_DELETED = re.compile(
    r"\b(?:deletes?|deleted|deleting|deletion|purges?|purged|purging|destroys?|destruction|wipes?|drops?|truncates?|"
    r"clears?|cleared|erases?|deprovisions?)\b",
    re.IGNORECASE,
)
_SAYS_SO_AT_ONCE = re.compile(
    r"\W*(?:incremental update: |permanently )?(?:deletes?|purges?|erases?|permanent\w*)\b", re.IGNORECASE
)
_READS = re.compile(
    r"(?:batch |aggregated )?(?:get|list|search|query|lookup|count|compute|check|validate|preview|retrieve|fetch|detect|"
    r"analyze|annotate|predict|generate content|stream generate content|recommend|complete|explain|read|translate|"
    r"classify|wait|test iam permissions|inspect|evaluate|rank|calculate|estimate|report|run report|view|resolve|"
    r"suggest|parse|recognize|synthesize|embed|find|compare)(?: |$)"
)
_STOPS = re.compile(
    r"(?:batch )?(?:stop|suspend|reset|pause|cancel|abort|restart|reboot|drain|failover|deactivate|shutdown|kill)(?: |$)"
)
_RIGHTS = re.compile(
    r"(?:[iI]amPolicy|[aA]ccessPolicy|OrgPolicy)$|\.(?:keys|roles|acl|defaultObjectAccessControls|objectAccessControls|"
    r"bucketAccessControls|permissions|members|memberships|roleAssignments|accessLevels|servicePerimeters|firewalls|"
    r"firewallPolicies|serviceAccounts|workloadIdentityPools|sshPublicKeys|aclEntries|hmacKeys|oauthClients|"
    r"accessBindings|userCreds|authorizedViews\.setIamPolicy)\.\w+$|\.(?:setServiceAccount|addAccessConfig|setMetadata|"
    r"setCommonInstanceMetadata|resetPassword|resetAdminPassword|makeAdmin|addPublicKey|removePublicKey|importSshPublicKey)$"
)
_SHOWS = re.compile(
    r"(?:versions\.access|generateAccessToken|generateIdToken|signBlob|signJwt|resetSecret|resetVcenterCredentials|"
    r"showVcenterCredentials|showNsxCredentials|getAuthString|retrieveAuthorizationCode|resetAuthorizationCode|"
    r"generateDefaultIdentity0|hmacKeys\.create|serviceAccounts\.keys\.create|exchangeToken|\.kubeconfig|"
    r"getCredential\w*|connectSettings\.generateEphemeral|sslCerts\.insert|createEphemeral)$"
)
_RUNS = re.compile(r"(?:scripts\.run|executeCode|\.executeCommand|invoke|executeShell\w*)$")
_EXACT = {
    "sql.instances.restoreBackup": "d",
    "sql.instances.resetSslConfig": "pd",
    "baremetalsolution.projects.locations.volumes.snapshots.restoreVolumeSnapshot": "d",
    "cloudkms.projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.destroy": "d",
    "drive.files.emptyTrash": "d",
    "gmail.users.messages.batchDelete": "d",
    "tagmanager.accounts.containers.workspaces.resolve_conflict": "w",
}


def main() -> None:
    """Write the table."""
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    folder = Path(googleapiclient.__file__).parent / "discovery_cache/documents"
    total = 0
    for file in sorted(folder.glob("*.json")):
        document = json.loads(file.read_text("utf-8"))
        if "rootUrl" not in document:
            continue
        for method, path, name, words in _methods(document, str(document["servicePath"])):
            total += 1
            effects = letters(_effects(method, name, words))
            key = (re.sub(r"\{\+[^}]*\}", "{+}", re.sub(r"\{[^+}][^}]*\}", "{}", path)), method)
            before = found.get(key, ("", "", ""))[0]
            found[key] = (letters(before + effects) if before else effects, name, words)
    lines = [
        f"{_stricter(effects)}\t{method}\t{path}\t{name}\t"
        for (path, method), (effects, name, _) in sorted(found.items())
        if _stricter(effects) != PLAIN[method]
    ]
    version = importlib.metadata.version("google-api-python-client")
    head = {
        "kind": "rest",
        "source": f"pypi google-api-python-client {version}, the discovery documents of {total} methods",
        "licence": "Apache-2.0",
        "made by": "policies/generators/google.py",
    }
    written = write_table("google.tsv", head, lines)
    sys.stderr.write(f"{written.name}: {len(lines)} of {total} methods, {written.stat().st_size} bytes\n")


def _stricter(effects: str) -> str:
    """Drop the milder effects of APIs that share a path."""
    strong = [letter for letter in effects if letter not in "rw"]
    return "".join(strong) or ("w" if "w" in effects else effects)


def _methods(node: Mapping[str, Any], base: str) -> Iterator[tuple[str, str, str, str]]:
    for method in (node.get("methods") or {}).values():
        path = base + (method.get("flatPath") or method["path"])
        yield (
            method["httpMethod"],
            f"/{path.lstrip('/')}",
            method["id"],
            " ".join((method.get("description") or "").split()),
        )
    for inner in (node.get("resources") or {}).values():
        yield from _methods(inner, base)


def _effects(method: str, name: str, words: str) -> str:
    if name in _EXACT:
        return _EXACT[name]
    verb = name.rpartition(".")[2]
    words_of = " ".join(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", verb))
    shows, rights = _SHOWS.search(name) is not None, _RIGHTS.search(name) is not None
    if method == "GET":
        return "s" if shows else "r"
    if method == "DELETE":
        return "pd" if rights else "d"
    if _RUNS.search(name):
        return "x"
    if shows:
        return "ps" if rights else "s"
    if _READS.match(words_of) and method == "POST":
        return "r"
    removes = _VERB_DELETES.match(words_of) is not None
    agreed = _SAYS_SO_AT_ONCE if verb.startswith("remove") else _SAYS_DELETED
    if removes and (agreed.match(words) if verb.startswith("remove") else agreed.search(words)):
        return "pd" if rights else "d"
    if rights:
        return "p"
    return "i" if _STOPS.match(words_of) else "w"


if __name__ == "__main__":
    main()
