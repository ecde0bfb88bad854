"""Requests, calls of MCP tools, patches and arguments of file tools that are made to keep a reader busy."""

import json
from collections.abc import Iterator

from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind
from tests.support.hostile.case import Hostile, request, text, tool

_JSON = (("content-type", "application/json"),)
_FORM = (("content-type", "application/x-www-form-urlencoded"),)
BODIES = {
    "deep lists": "[" * 900 + "]" * 900,
    "deep objects": '{"a":' * 900 + "1" + "}" * 900,
    "too deep": "[" * 200_000,
    "wide": json.dumps({f"a{index}": index for index in range(30_000)}),
    "one long text": json.dumps({"a": "b" * 500_000}),
    "escapes": '{"a":"' + "\\u0041" * 80_000 + '"}',
    "many objects": json.dumps([{"a": 1, "b": {"c": 2}}] * 17_000),
    "many numbers": "[" + "1," * 250_000 + "1]",
    "long numbers": "[" + "9" * 500_000 + "]",
    "long fractions": "[1." + "9" * 500_000 + "]",
    "many calls": json.dumps([{"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "delete"}}] * 4_000),
    "documents": json.dumps([{"query": "mutation { volumeDelete(id: 1) }"}] * 9_000),
    "a document in a batch": json.dumps([{"query": "mutation { " + "volumeDelete(id: 1) " * 180 + "}"}] * 49),
    "forms": "Action=TerminateInstances&a=b" + "&c.1=d" * 60_000,
    "escaped forms": "Action=%54" + "%41" * 160_000,
    "sql": json.dumps({"query": "DELETE FROM a WHERE b = 1;" * 900, "sql": "DROP TABLE a;" * 1_800}),
    "statements": json.dumps({"statements": ["DROP TABLE a; DELETE FROM b WHERE c = 1"] * 8_000}),
    "xml": "<a>" * 100_000,
    "yaml": "a: &a [b]\n" + "c: [*a, *a, *a]\n" * 20_000,
    "megabytes": json.dumps([{"a": 1}] * 600_000),
    "no text": "\ufffd" * 100_000,
}
PATHS = {
    "segments": "/repos" * 1_300,
    "escapes": "/" + "%2e" * 2_600,
    "dots": "/.." * 2_600,
    "query": "/a?" + "b=c&" * 2_000,
    "github": "/repos/a/b/" + "git/refs/" * 600,
    "kubernetes": "/apis/apps/v1/namespaces/a/deployments/b/" + "scale/" * 900,
    "long": "/" + "a" * 8_000,
    "too long": "/" + "a" * 500_000,
    "colons": "/" + ":a" * 4_000,
}
MCP = {
    "wide": {f"delete_{index}": "x" for index in range(30_000)},
    "long": {"command": "rm a;" * 12_000},
    "many texts": {f"sql_{index}": "DROP TABLE a;" * 20 for index in range(400)},
    "many commands": {f"command_{index}": "rm -rf /srv/a; " * 60 for index in range(200)},
    "many queries": {"queries": ["DELETE FROM a WHERE b = 1;" * 60] * 300},
    "many addresses": {"urls": ["https://api.github.com/repos/a/b"] * 4_000},
    "many paths": {"paths": ["/srv/" + "a/../" * 40] * 3_000},
    "deep": {"a": json.loads('{"a":' * 400 + "1" + "}" * 400)},
    "code": {"code": "import os; os.remove('a')\n" * 600},
    "scripts": {"script": "await tools.exec_command({cmd: 'rm a'});" * 400, "javascript": "f(1);" * 9_000},
    "long keys": {"a" * 400_000: 1},
    "documents": {"query": "mutation { " + "volumeDelete(id: 1) " * 900 + "}"},
    "twelve texts": {
        key: value * (20_000 // len(value))
        for key, value in {
            "command": "rm a;",
            "sql": "DROP TABLE a;",
            "query": "DELETE FROM a;",
            "code": "f(1)\n",
            "script": "x();",
            "statement": "UPDATE a SET b = 1;",
            "cmd": "a=( $( ",
            "shell_command": "git push -f;",
            "python": "exec(1)\n",
            "javascript": "eval(1);",
            "graphql": "mutation { a }",
            "bash": "curl a | sh;",
        }.items()
    },
}
PATCHES = {
    "many files": "*** Begin Patch\n"
    + "".join(f"*** Add File: a{i}\n+x\n" for i in range(18_000))
    + "*** End Patch",
    "many deletions": "*** Begin Patch\n" + "*** Delete File: ../b\n" * 199 + "*** End Patch",
    "many lines": "*** Begin Patch\n*** Update File: a\n@@\n" + "+x\n" * 170_000 + "*** End Patch",
    "long lines": "*** Begin Patch\n*** Update File: a\n@@\n+" + "x" * 510_000 + "\n*** End Patch",
    "unified": "".join(f"--- a/x{i}\n+++ b/x{i}\n@@ -1 +1 @@\n-a\n+b\n" for i in range(12_000)),
    "hunks": "--- a/x\n+++ b/x\n" + "@@ -1 +1 @@\n-a\n+b\n" * 25_000,
    "long counts": "--- a/x\n+++ b/x\n@@ -1," + "9" * 300_000 + " +1 @@\n-a\n",
    "git headers": "diff --git a/x b/x\nnew file mode 120000\n" * 10_000,
    "renames": "diff --git a/x b/y\nrename from x\nrename to y\n" * 10_000,
    "quoted names": 'diff --git "a/\\303" "b/\\303"\n' * 14_000,
    "long names": "--- " + "a/" * 250_000 + "\n+++ b\n",
    "binary": "diff --git a/x b/x\nGIT binary patch\nliteral 9\n" + "zcmZ\n" * 90_000,
    "garbage": "*** @@ +++ --- diff --git\n" * 20_000,
    "returns": "\r\n" * 250_000,
    "megabytes": "+x\n" * 1_500_000,
}


def cases() -> Iterator[Hostile]:
    """Yield every case."""
    for name, body in BODIES.items():
        for host in ("api.github.com", "backboard.railway.app", "ec2.us-east-1.amazonaws.com", "k8s.local:6443"):
            sent = {"method": "POST", "url": f"https://{host}/graphql", "headers": {}, "body": body}
            yield text("http", f"{name} to {host}", json.dumps(sent))
        for kind in TargetKind:
            headers = _FORM if "forms" in name else _JSON
            path = "/graphql/v2" if kind is TargetKind.GRAPHQL else "/"
            sent_to = Outgoing("POST", path, "", headers, body.encode())
            host = (
                {"host": "ec2.us-east-1.amazonaws.com", "scope": "us-east-1/ec2"} if kind is TargetKind.AWS else {}
            )
            if host:
                sent_to = Outgoing("POST", path, "", headers, body.encode(), **host)
            yield request(name, kind, sent_to)
    for name, path in PATHS.items():
        sent = {"method": "DELETE", "url": f"https://api.github.com{path}", "headers": {}, "body": ""}
        yield text("http", f"path: {name}", json.dumps(sent))
        for kind in TargetKind:
            split = path.partition("?")
            yield request(f"path: {name}", kind, Outgoing("DELETE", split[0], split[2]))
    for name, arguments in MCP.items():
        yield text("mcp", name, json.dumps({"server": "db", "tool": "run", "arguments": arguments}))
        yield tool("mcp", f"{name}, called", "mcp__github__delete_file", arguments)
    long = {
        "server": "s",
        "tool": "delete " * 90_000,
        "description": "must never delete, unless asked " * 9_000,
        "arguments": {},
    }
    yield text("mcp", "long names", json.dumps(long))
    yield from _tools()


def _tools() -> Iterator[Hostile]:
    for name, patch in PATCHES.items():
        yield text("patch", name, patch)
    yield tool(
        "file tools", "a long content", "Write", {"file_path": "/home/dev/app/a", "content": "rm a\n" * 800_000}
    )
    yield tool("file tools", "a long path", "Write", {"file_path": "a/../" * 300_000, "content": "a"})
    edits = [{"old_string": "a", "new_string": "b"}] * 40_000
    yield tool("file tools", "many edits", "MultiEdit", {"file_path": "/home/dev/app/a", "edits": edits})
    yield tool("file tools", "strange arguments", "Read", {f"a{index}": 1 for index in range(90_000)})
    yield tool("file tools", "a long vector", "shell", {"command": ["rm"] + ["a"] * 200_000})
    yield tool("file tools", "megabytes that are not JSON", "Bash", {"command": "ls", "x": [[]] * 400_000})
