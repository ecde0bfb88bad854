"""Files of a workspace that a call runs, made to keep a reader busy: as large as files may be that are shown."""

from collections.abc import Iterator

from tests.support.hostile import programs, queries, shells
from tests.support.hostile.case import Hostile, files

SIZE = 255 * 1024


def _filled(piece: str) -> str:
    return (piece * (SIZE // len(piece) + 1))[:SIZE]


MAKEFILE = {
    "many rules": "".join(f"a{i}: b{i}\n\trm {i}\n" for i in range(12_000)),
    "one rule of many lines": "all:\n" + "\trm -rf /srv/a\n" * 16_000,
    "variables that double": "A0 = xxxxxxxx\n"
    + "".join(f"A{i} = $(A{i - 1})$(A{i - 1})\n" for i in range(1, 9_000))
    + "all:\n\trm $(A8999)\n",
    "functions": "all: $(" * 30_000,
    "functions within": "all:\n" + ("\trm $(shell a" + "(b" * 40 + ")" * 40 + ")\n") * 2_000,
    "many needs": "all: " + "a " * 120_000 + "\n",
    "chains of needs": "".join(f"a{i}: a{i + 1}\n\trm {i}\n" for i in range(12_000)),
    "many colons": "a:" * 120_000,
    "blanks": " " * SIZE,
    "long line": "all:\n\t" + "a" * 250_000,
    "continued": "all:\n\trm \\\n" + "a \\\n" * 60_000,
    "conditions": "ifeq (a,b)\nX = 1\nendif\n" * 10_000,
    "dollars": "all:\n\t" + "$" * 250_000,
    "references": "all:\n" + ("\trm " + "$(A)" * 480 + "\n") * 130,
}
PACKAGE = {
    "many scripts": '{"scripts":{' + ",".join(f'"a{i}":"rm {i}"' for i in range(14_000)) + ',"b":"rm -rf /srv"}}',
    "one long script": '{"scripts":{"b":"' + "rm a;" * 50_000 + '"}}',
    "deep": '{"a":' * 40_000,
    "scripts that run scripts": '{"scripts":{"b":"' + "npm run b; npm run c; " * 300 + '","c":"npm run b"}}',
}
WORDS = (
    "rm -rf /srv/a\n",
    "(",
    "a;",
    "$(",
    "a=(",
    "'",
    "import os\n",
    "f(1)\n",
    "f(\n",
    "x = [1]\n",
    "(((a)))\n",
    "require('fs')\n",
    "a.b.c()\n",
    "`${a}`",
    "{",
    "#a\n",
    "rm \\\n",
    "a b c d e f g h\n",
    "DROP TABLE a;\n",
    "\\i b.sql\n",
    "x=$x$x\n",
    "curl https://a.b/c\n",
    "'a' + ",
    "if a; then b; fi\n",
    "def f():\n pass\n",
    "é\n",
    "\t",
    "lambda: ",
    "delete a\n",
    "x = 'rm '\n",
    "<<E\nE\n",
    "git push -f\n",
    "destroy();\n",
    "subprocess.run(['rm', x])\n",
)
RUNS = {
    "shell": ("bash a.sh", "a.sh"),
    "python": ("python3 a.py", "a.py"),
    "javascript": ("node a.js", "a.js"),
    "other": ("ruby a.rb", "a.rb"),
    "sql": ("psql -f a.sql", "a.sql"),
    "make": ("make", "Makefile"),
    "just": ("just", "justfile"),
}


DECLARED = {
    "blanks": " " * SIZE,
    "rights": "  privileged: true\n" * 12_000,
    "externals": 'data "external" "x" {\n program = ["rm", "a"]\n}\n' * 5_000,
    "open commands": 'provisioner "local-exec" {\n command = "' * 5_000,
    "open lists": 'data "external" {\n program = [' * 7_000,
    "long lines": ("a" * 5_000 + "/docker.soc\n") * 50,
}


def cases() -> Iterator[Hostile]:
    """Yield every case."""
    for name, content in DECLARED.items():
        yield files(name, "docker compose up", {"compose.yaml": content}, "contents declared")
        yield files(f"{name} of Terraform", "terraform apply", {"main.tf": content}, "contents declared")
    for name, content in MAKEFILE.items():
        yield files(name, "make", {"Makefile": content}, "contents make")
        yield files(name, "just", {"justfile": content.replace("\t", "    ")}, "contents just")
    for name, content in PACKAGE.items():
        yield files(name, "npm run b", {"package.json": content}, "contents npm")
    for language, (command, path) in RUNS.items():
        for piece in WORDS:
            yield files(repr(piece), command, {path: _filled(piece)}, f"contents {language}")
    for name, content in shells.SHELL.items():
        yield files(name, "bash a.sh", {"a.sh": content}, "contents shell")
    for name, content in programs.PYTHON.items():
        yield files(name, "python3 a.py", {"a.py": content}, "contents python")
    for name, content in programs.JAVASCRIPT.items():
        yield files(name, "node a.js", {"a.js": content}, "contents javascript")
    for name, content in queries.SQL.items():
        yield files(name, "psql -f a.sql", {"a.sql": content}, "contents sql")
    yield from _many()


def _many() -> Iterator[Hostile]:
    """Yield calls that run sixteen files, the most that are shown."""
    for language, (command, path) in RUNS.items():
        if language in ("make", "just"):
            continue
        ending = path[1:]
        for piece in ("rm -rf /srv/a\n", "f(1)\n", "x = [a.b(1)]\n", "(", "DROP TABLE a;\n"):
            placed = {f"a{index}{ending}": _filled(piece) for index in range(16)}
            line = "; ".join(command.replace(path, name) for name in placed)
            yield files(f"16 files of {piece!r}", line, placed, f"contents {language}")
            small = {name: content[:15_000] for name, content in placed.items()}
            yield files(f"16 files of 15 KB of {piece!r}", line, small, f"contents {language}")
    chain = {f"a{index}.sh": f"bash a{index + 1}.sh; bash a{index + 1}.sh\n" * 90 for index in range(16)}
    losses = {"a.sh": "rm -rf /srv/a b c d\n" * 3_000, "b.sh": "x=1\n" * 2_000 + "rm -rf /srv/b\n" * 90}
    beside = "bash a.sh; " + "rm -rf a b c d e f; " * 150 + "bash b.sh"
    yield files("scripts beside commands", beside, losses, "contents shell")
    yield files("commands beside scripts", beside.removeprefix("bash a.sh; "), losses, "contents shell")
    yield files("scripts that run scripts", "bash a0.sh", chain, "contents shell")
