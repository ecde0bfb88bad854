"""What the modules and globals of Node, Bun and Deno do: files, programs, requests; and what does nothing."""

import re
from collections.abc import Mapping

from firewall.classify.rows import Verb

_FS: Mapping[str, tuple[tuple[Verb, int], ...]] = {
    "rm": ((Verb.REMOVE, 0),),
    "rmdir": ((Verb.REMOVE, 0),),
    "unlink": ((Verb.REMOVE, 0),),
    "remove": ((Verb.REMOVE, 0),),
    "emptyDir": ((Verb.REMOVE, 0),),
    "writeFile": ((Verb.OVERWRITE, 0),),
    "outputFile": ((Verb.OVERWRITE, 0),),
    "writeJson": ((Verb.OVERWRITE, 0),),
    "writeTextFile": ((Verb.OVERWRITE, 0),),
    "createWriteStream": ((Verb.OVERWRITE, 0),),
    "truncate": ((Verb.OVERWRITE, 0),),
    "appendFile": ((Verb.APPEND, 0),),
    "rename": ((Verb.MOVE, 0), (Verb.PLACE, 1)),
    "move": ((Verb.MOVE, 0), (Verb.PLACE, 1)),
    "copyFile": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "cp": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "copy": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "symlink": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "link": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "mkdir": ((Verb.CREATE, 0),),
    "mkdtemp": ((Verb.CREATE, 0),),
    "ensureDir": ((Verb.CREATE, 0),),
    "chmod": ((Verb.MODE, 0),),
    "chown": ((Verb.MODE, 0),),
    "lchown": ((Verb.MODE, 0),),
    "utimes": ((Verb.EDIT, 0),),
    "readFile": ((Verb.READ, 0),),
    "readTextFile": ((Verb.READ, 0),),
    "readJson": ((Verb.READ, 0),),
    "createReadStream": ((Verb.READ, 0),),
    "readdir": ((Verb.LIST, 0),),
    "readDir": ((Verb.LIST, 0),),
    "opendir": ((Verb.LIST, 0),),
    "stat": ((Verb.LIST, 0),),
    "lstat": ((Verb.LIST, 0),),
    "exists": ((Verb.LIST, 0),),
    "access": ((Verb.LIST, 0),),
    "realpath": ((Verb.LIST, 0),),
    "readlink": ((Verb.LIST, 0),),
    "glob": ((Verb.LIST, 0),),
}
FILES: Mapping[str, tuple[tuple[Verb, int], ...]] = {
    **{f"fs.{name}": verbs for name, verbs in _FS.items()},
    **{f"fs.{name}Sync": verbs for name, verbs in _FS.items()},
    **{f"Deno.{name}": verbs for name, verbs in _FS.items()},
    **{f"Deno.{name}Sync": verbs for name, verbs in _FS.items()},
    "rimraf": ((Verb.REMOVE, 0),),
    "rimraf.sync": ((Verb.REMOVE, 0),),
    "rimraf.rimraf": ((Verb.REMOVE, 0),),
    "rimraf.rimrafSync": ((Verb.REMOVE, 0),),
    "del.deleteAsync": ((Verb.REMOVE, 0),),
    "shelljs.rm": ((Verb.REMOVE, 1),),
    "Bun.write": ((Verb.OVERWRITE, 0),),
    "Bun.file": ((Verb.READ, 0),),
}
"""Dotted name -> what is done to which argument."""
LINES = frozenset(
    {"child_process.exec", "child_process.execSync", "shelljs.exec", "execa.execaCommand", "execa.command"}
)
"""They take a command line."""
VECTORS = frozenset(
    {
        "child_process.spawn", "child_process.spawnSync", "child_process.execFile",
        "child_process.execFileSync", "child_process.fork", "execa", "execa.execa", "execa.sync",
        "Bun.spawn", "Bun.spawnSync", "new Deno.Command", "Deno.run",
    }
)  # fmt: skip
"""They take a program and a list of arguments, or one list of both."""
REQUESTS = re.compile(
    r"fetch|node-fetch|undici\.(?:fetch|request)|axios|axios\.(?:get|post|put|patch|delete|head|options|request)"
    r"|(?:http|https)\.(?:get|request)|got|got\.(?:get|post|put|patch|delete|head)"
)
PURE = frozenset(
    {
        "path", "url", "util", "os", "crypto", "assert", "querystring", "string_decoder", "events", "zlib",
        "buffer", "perf_hooks", "timers", "stream", "punycode", "constants", "console", "path.posix",
        "readline", "timers.promises", "util.types", "assert.strict", "tty", "async_hooks",
    }
)  # fmt: skip
ACTING = frozenset(
    {
        "fs", "child_process", "process", "axios", "http", "https", "http2", "net", "tls", "dgram", "dns",
        "shelljs", "execa", "rimraf", "node-fetch", "undici", "got", "vm", "module", "worker_threads",
        "cluster", "inspector", "repl", "v8", "Deno", "Bun", "require", "del", "fetch", "wasi", "sqlite",
        "test", "navigator",
    }
)  # fmt: skip
"""Of these only what is listed is known to do nothing."""
KNOWN = frozenset(
    {
        "fs",
        "child_process",
        "axios",
        "http",
        "https",
        "shelljs",
        "execa",
        "rimraf",
        "node-fetch",
        "undici",
        "got",
        "del",
    }
)
"""Acting modules whose functions have rows here; loading another runs code that is not seen."""
GLOBALS = frozenset(
    {
        "require", "process", "fetch", "Buffer", "module", "exports", "__dirname", "__filename", "Deno",
        "Bun", "setImmediate", "clearImmediate", "Headers", "Request", "Response", "FormData", "Blob",
        "AbortSignal", "Event", "EventTarget",
    }
)  # fmt: skip
INERT = re.compile(
    r"process(?:\.(?:argv|argv0|env|version|versions|platform|arch|pid|ppid|title|execPath|exitCode|release|features|config"
    r"|stdout|stderr|stdin|memoryUsage|hrtime|report)(?:\.\w+(?:\(\))?)*(?:\(\))?)?"
    r"|process\.(?:cwd|uptime|nextTick|exit|cpuUsage|emitWarning|on|once|getuid|getgid|umask)(?:\(\).*)?"
    r"|fs(?:\.(?:promises|constants|Stats|Dirent))?(?:\.\w+_OK)?|child_process|http|https|axios|fetch|got|shelljs|execa"
    r"|http\.(?:STATUS_CODES|METHODS)|(?:http|https|fs)\.\w+\(\).*|fetch\(\).*|axios.*\(\).*|child_process\.\w+\(\).*"
    r"|Deno(?:\.(?:args|version|cwd|env|exit|build|pid|inspect))?(?:\.\w+)?|Deno\.\w+\(\).*"
    r"|Bun(?:\.(?:version|revision|inspect|argv|sleep|hash))?"
    r"|Bun\.file\(\)\.(?!delete|unlink|write)\w+(?:\(\).*)?|Bun\.(?!file)\w+\(\).*|Bun\.file\(\)"
    r"|navigator\.(?:userAgent|platform|languages?|hardwareConcurrency)(?:\.\w+(?:\(\))?)*"
    r"|require|execa.*\(\).*|got.*\(\).*|undici.*\(\).*|node-fetch\(\).*|new Deno\.Command\(\).*"
    r"|rimraf|del|undici|node-fetch"
)
"""What does nothing by itself in `ACTING`."""
LOSSY = re.compile(
    r"(?:delete|drop|destroy|purge|terminate|truncate|flush)(?:All|Db|One|Many|Database|Collection|Table|Index)"
    r"|flushall|flushdb"
)
"""Names of methods that remove something, on objects of libraries that are not followed."""
