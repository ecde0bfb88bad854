"""Make a table of a REST API's operations: `python policies/generators/rest.py NAME KIND FILE SOURCE LICENCE`.

KIND says what FILE is: `openapi` (JSON or YAML, versions 2 and 3), `pydo` (its `_operations.py`), `cloudflare` (the
`resources` folder of the PyPI package), `orval` (the folder of index.mjs and index.d.ts that orval made of a description), `speakeasy`
(the `src` of a TypeScript package that Speakeasy made of one). Several kinds and files, parted by commas, complete each
other: of an operation that both know the first says what it is. overrides/NAME.toml corrects by hand: operation id or `METHOD template`
-> letters; `wide = [...]` names templates whose last parameter may hold slashes. The rules:

- GET and HEAD read; where the last word of the path is a credential (`kubeconfig`, `credentials`) it is secret.
- DELETE is destructive, unless the operation's verb has a counterpart (`remove`, `unstar`, `revoke`, `cancel`,
  `disable`): write, or privilege.
- POST, PUT and PATCH write; a verb that deletes is destructive, one that only looks (`search`, `preview`) reads, one
  that stops is disruptive.
- A path about rights (members, keys, tokens, permissions, firewalls) makes a change privilege.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from rules import DELETE, STOP, words_of
from write import letters, plain, write_table

HERE = Path(__file__).resolve().parent
METHODS = ("get", "head", "post", "put", "patch", "delete")
UNDONE = frozenset(
    {
        "remove", "unstar", "unfollow", "unblock", "unlock", "unpin", "unsuspend", "revoke", "cancel", "disable",
        "dismiss", "decline", "detach", "unassign", "unlink", "mark", "disassociate", "unset", "unsubscribe", "unlike",
        "disconnect", "unarchive", "unmark", "untag", "leave", "unshare", "reject",
    }
)  # fmt: skip
LOOKS = frozenset(
    {"search", "list", "query", "render", "validate", "preview", "check", "count", "estimate", "lookup"}
)
RIGHTS = re.compile(
    r"/(?:permissions?|collaborators|keys|api[-_]?keys?|tokens?|token|protection|invitations?|invites?|members?|memberships?|"
    r"rulesets|access|outside_collaborators|interaction-limits|organization-roles|roles?|security-managers|oidc|"
    r"credential-authorizations|personal-access-token\w*|grants?|credentials?|firewalls?|acls?|trusted[-_]\w+|"
    r"deployment_protection_rules|pattern-bypass|bypass[-_]list|push-protection-bypasses|users|passwords?|"
    r"reset_auth|iam|service[-_]?accounts?|allowlists?|allowed[-_]\w+|ssh[-_]keys?|gpg_keys|ssh_signing_keys|hooks|"
    r"transfer|sso|saml|mfa|two[-_]factor|security-advisories/0)(?:/|$|:)"
    r"|/secrets/\{[^}]*\}/repositories|/installations?/\{[^}]*\}/(?:repositories|suspended|access_tokens)"
    r"|/runner-groups/\{[^}]*\}/(?:repositories|runners)",
    re.IGNORECASE,
)
_WHOSE = re.compile(r"^/(?:v\d+/)?users/\{[^}]*\}(?=/|$)|/members/\{[^}]*\}(?=/\w)")
"""Whose things they are, not what is changed."""
SHOWS = re.compile(
    r"/(?:kubeconfig|credentials?|docker-credentials|password|reveal_password|connection_uri|secret|secret[-_]?key|"
    r"token|private[-_]?key|ssh[-_]key/private)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """One operation as its source describes it."""

    method: str
    path: str
    name: str
    summary: str = ""


def main(name: str, kind: str, file: str, source: str, licence: str) -> None:
    """Write the table of one API."""
    by_hand = HERE / f"overrides/{name}.toml"
    overrides = tomllib.loads(by_hand.read_text("utf-8")) if by_hand.exists() else {}
    wide = frozenset(overrides.pop("wide", ()))
    readers = {
        "openapi": _openapi,
        "pydo": _pydo,
        "cloudflare": _cloudflare,
        "orval": _orval,
        "speakeasy": _speakeasy,
    }
    operations: dict[tuple[str, str], Found] = {}
    for one, where in zip(kind.split(","), file.split(","), strict=True):
        for item in readers[one](Path(where)):
            operations.setdefault((re.sub(r"\{[^}]*\}", "{}", item.path), item.method), item)
    operations = {(item.path, item.method): item for item in operations.values()}
    known = {item.name for item in operations.values()} | {f"{i.method} {i.path}" for i in operations.values()}
    unknown = sorted((set(overrides) | wide) - known - {item.path for item in operations.values()})
    if unknown:
        raise SystemExit(f"overrides name operations that are not in the source: {', '.join(unknown)}")
    lines = []
    for (path, method), item in sorted(operations.items()):
        by_name = overrides.get(f"{method} {path}") or overrides.get(item.name)
        found = letters(by_name or derive(item))
        lines.append(
            f"{found}\t{method}\t{_template(path, wide=path in wide)}\t{item.name}\t{plain(item.summary)}"
        )
    head = {
        "kind": "rest",
        "source": source,
        "licence": licence,
        "made by": f"policies/generators/rest.py{f' with overrides/{by_hand.name}' if by_hand.exists() else ''}",
    }
    written = write_table(f"{name}.tsv", head, lines)
    sys.stderr.write(f"{written.name}: {len(lines)} operations, {written.stat().st_size} bytes\n")


def derive(item: Found) -> str:
    """Return the effect letters of one operation."""
    rights = RIGHTS.search(_WHOSE.sub("", item.path)) is not None
    if item.method in ("GET", "HEAD"):
        return "s" if SHOWS.search(item.path) else "r"
    verb = _verb(item)
    if item.method == "DELETE":
        if verb in UNDONE:
            return "p" if rights else "w"
        return "pd" if rights else "d"
    if verb in DELETE:
        return "pd" if rights else "d"
    if verb in LOOKS and item.method == "POST":
        return "r"
    if rights:
        return "p"
    return "i" if verb in STOP else "w"


_KNOWN = DELETE | STOP | UNDONE | LOOKS | {
    "create", "update", "add", "set", "replace", "patch", "get", "post", "put", "enable", "start", "accept", "approve",
    "assign", "attach", "block", "convert", "export", "follow", "force", "fork", "generate", "lock", "map", "merge",
    "ping", "pin", "publish", "redeliver", "rename", "request", "rerequest", "reset", "restore", "review", "scope",
    "star", "submit", "suspend", "test", "transfer", "upload", "install", "upgrade", "resize", "promote", "recycle",
    "run", "retry", "tag", "rotate", "bulk",
}  # fmt: skip


def _verb(item: Found) -> str:
    """Return the verb: of the operation's name, else of the last literal segment of its path, else of its summary."""
    action = item.name.rpartition("/")[2]
    named = [word for word in words_of(action) if word in _KNOWN]
    if named and named[0] == "bulk" and len(named) > 1:
        return named[1]
    if named and named[0] not in ("post", "put", "patch", "get"):
        return named[0]
    last = item.path.rstrip("/").rpartition("/")[2]
    if not last.startswith("{"):
        for word in words_of(last):
            if word in _KNOWN:
                return word
    return next((word for word in words_of(item.summary)[:1]), "")


def _template(path: str, *, wide: bool) -> str:
    bare = re.sub(r"\{[^}]*\}", "{}", path.partition("#")[0])
    if wide:
        bare = bare[: bare.rindex("{}")] + "{+}" + bare[bare.rindex("{}") + 2 :]
    return bare if bare.startswith("/") else f"/{bare}"


def _openapi(file: Path) -> Iterable[Found]:
    text = file.read_text("utf-8")
    document = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    base = _base(document)
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                about = item[method]
                name = about.get("operationId") or f"{method}{path}".replace("{", "").replace("}", "")
                name = re.sub(r"[^A-Za-z0-9_./()#~-]+", "-", name).strip("-") or method
                words = about.get("summary") or about.get("description") or ""
                yield Found(method.upper(), f"{base}{path}", name, re.sub(r"<[^>]+>", "", words))


def _base(document: Mapping[str, object]) -> str:
    servers = document.get("servers")
    url = servers[0]["url"] if isinstance(servers, list) and servers else str(document.get("basePath", ""))
    path = re.sub(r"^(?:https?:)?//[^/]+", "", url).rstrip("/")
    return "" if "{" in path else path


def _pydo(file: Path) -> Iterable[Found]:
    text = file.read_text("utf-8")
    for block in re.split(r"\ndef build_", text)[1:]:
        path = re.search(r'_url = "([^"]+)"', block)
        method = re.search(r'method="([A-Z]+)"', block)
        name = re.match(r"(\w+)_request\(", block)
        if path and method and name:
            yield Found(method[1], path[1], name[1], name[1].replace("_", " "))


def _cloudflare(folder: Path) -> Iterable[Found]:
    call = re.compile(
        r"self\._(get|post|put|patch|delete)(?:_api_list)?\(\s*(?:path_template\(\s*)?f?\"(/[^\"]*)\""
    )
    listing = re.compile(
        r"self\._get_api_list\(\s*(?:path_template\(\s*)?f?\"(/[^\"]*)\"(.*?)\n        \)", re.DOTALL
    )
    for file in sorted(folder.rglob("*.py")):
        text = file.read_text("utf-8")
        base = ".".join(file.relative_to(folder).with_suffix("").parts)
        for block in re.split(r"\n    (?:async )?def ", text)[1:]:
            name = f"{base}.{block.split('(', 1)[0]}"
            if (listed := listing.search(block)) is not None:
                method = re.search(r'method="(\w+)"', listed[2])
                yield Found(method[1].upper() if method else "GET", f"/client/v4{listed[1]}", name, "")
            elif (found := call.search(block)) is not None:
                yield Found(found[1].upper(), f"/client/v4{found[2]}", name, "")


def _orval(folder: Path) -> Iterable[Found]:
    """Read the fetch client that orval writes: one function for the address, one for the request, one for the words."""
    code = (folder / "index.mjs").read_text("utf-8")
    said = dict(_orval_summaries((folder / "index.d.ts").read_text("utf-8")))
    address = re.compile(r"^var get(\w+)Url = \(.*?^};", re.DOTALL | re.MULTILINE)
    request = re.compile(r"^var (\w+) = async \(.*?^};", re.DOTALL | re.MULTILINE)
    paths = {found[1].lower(): re.findall(r"`(/[^`?]*)`", found[0])[-1] for found in address.finditer(code)}
    for found in request.finditer(code):
        method = re.search(r'method: "([A-Z]+)"', found[0])
        path = paths.get(found[1].lower())
        if method and path:
            yield Found(method[1], re.sub(r"\$\{(\w+)\}", r"{\1}", path), found[1], said.get(found[1], ""))


def _orval_summaries(types: str) -> Iterable[tuple[str, str]]:
    """Yield each operation with the vendor's words for it, which stand before the types of its answer."""
    for found in re.finditer(r"@summary (.+)\n \*/\ntype (\w+?)Response\d+ = ", types):
        yield found[2], re.sub(r"^\[(?:Alpha|Beta)\] ", "", found[1])


def _speakeasy(folder: Path) -> Iterable[Found]:
    """Read the functions that Speakeasy writes, one a file: what it is in words, address, method and name."""
    for file in sorted((folder / "funcs").glob("*.ts")):
        text = file.read_text("utf-8")
        path = re.search(r'pathToFunc\(\s*"([^"]+)"', text)
        method, name = re.search(r'method: "([A-Z]+)"', text), re.search(r'operationID: "([^"]+)"', text)
        said = re.search(r"/\*\*\n \* (.+?)\n(?: \*\n| \*/)", text)
        if path and method and name:
            yield Found(method[1], path[1], name[1], said[1] if said else "")


if __name__ == "__main__":
    main(*sys.argv[1:6])
