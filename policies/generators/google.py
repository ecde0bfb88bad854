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
_CAMEL_DELETES = re.compile(
    r"^(?:batch|bulk|initiate)?(?:[dD]elete|[pP]urge|[dD]estroy|[wW]ipe|[dD]rop|[tT]runcate|[cC]lear|[eE]rase|"
    r"[dD]eprovision|[rR]emove)(?=[A-Z]|$)"
)
_SAYS_DELETED = re.compile(r"\b(?:delet|purg|destr|wipe|drop|truncat|clear|eras|deprovision)", re.IGNORECASE)
_SAYS_SO_AT_ONCE = re.compile(
    r"^\W*(?:Incremental update: |Permanently )?(?:Delet|Purg|Eras|Permanent)", re.IGNORECASE
)
_READS = re.compile(
    r"^(?:batch|aggregated)?(?:[gG]et|[lL]ist|[sS]earch|[qQ]uery|[lL]ookup|[cC]ount|[cC]ompute|[cC]heck|[vV]alidate|"
    r"[pP]review|[rR]etrieve|[fF]etch|[dD]etect|[aA]nalyze|[aA]nnotate|[pP]redict|[gG]enerateContent|"
    r"[sS]treamGenerateContent|[rR]ecommend|[cC]omplete|[eE]xplain|[rR]ead|[tT]ranslate|[cC]lassify|[wW]ait|"
    r"[tT]estIamPermissions|[iI]nspect|[eE]valuate|[rR]ank|[cC]alculate|[eE]stimate|[rR]eport|[rR]unReport|"
    r"[vV]iew|[rR]esolve|[sS]uggest|[pP]arse|[rR]ecognize|[sS]ynthesize|[eE]mbed|[fF]ind|[cC]ompare)(?=[A-Z0-9]|$)"
)
_STOPS = re.compile(r"^(?:[sS]top|[sS]uspend|[rR]eset|[pP]ause|[cC]ancel|[aA]bort|[rR]estart|[rR]eboot|[dD]rain|[fF]ailover|[dD]eactivate|[sS]hutdown|[kK]ill)(?=[A-Z]|$)")  # fmt: skip
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
    "compute.instances.setDiskAutoDelete": "w",
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
    shows, rights = _SHOWS.search(name) is not None, _RIGHTS.search(name) is not None
    if method == "GET":
        return "s" if shows else "r"
    if method == "DELETE":
        return "pd" if rights else "d"
    if _RUNS.search(name):
        return "x"
    if shows:
        return "ps" if rights else "s"
    if _READS.match(verb) and method == "POST":
        return "r"
    removes = _CAMEL_DELETES.match(verb) is not None
    agreed = _SAYS_SO_AT_ONCE if verb.lower().startswith("remove") else _SAYS_DELETED
    if removes and agreed.search(words):
        return "pd" if rights else "d"
    if rights:
        return "p"
    return "i" if _STOPS.match(verb) else "w"


if __name__ == "__main__":
    main()
