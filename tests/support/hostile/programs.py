"""JavaScript and Python that is made to keep a reader busy, for their own readers and Codex's."""

from collections.abc import Iterator

from tests.support.hostile.case import Hostile, text, tool


def _numbered(make: str, times: int) -> str:
    return "".join(make.replace("#", str(index)) for index in range(times))


JAVASCRIPT = {
    "many calls": "f(1);\n" * 12_000,
    "many removals": "require('fs').rmSync('/srv/a');\n" * 2_900,
    "many commands": "require('child_process').execSync('rm a');\n" * 2_200,
    "brackets": "(" * 40_000 + "1" + ")" * 40_000,
    "arrays": "[" * 40_000 + "]" * 40_000,
    "objects": "({a:" * 19_000 + "1" + "})" * 19_000,
    "80 deep": ("a(" * 80 + "1" + ")" * 80 + ";\n") * 60,
    "functions": "function f() {" * 6_000 + "}" * 6_000,
    "arrows": "a=>" * 30_000 + "1",
    "concatenations": "x = 'a'" + " + 'b'" * 14_000,
    "constants that double": "const a0 = 'xxxxxxxx';"
    + "".join(f"const a{i} = a{i - 1} + a{i - 1};" for i in range(1, 400))
    + "require('fs').rmSync(a399)",
    "templates that double": "const a0 = 'xxxxxxxx';"
    + "".join(f"const a{i} = `${{a{i - 1}}}${{a{i - 1}}}`;" for i in range(1, 300))
    + "eval(a299)",
    "arrays that double": "const a0 = ['x'];"
    + "".join(f"const a{i} = [...a{i - 1}, ...a{i - 1}];" for i in range(1, 300))
    + "require('child_process').execFileSync('rm', a299)",
    "choices that double": "const a0 = z ? 'a' : 'b';"
    + "".join(f"const a{i} = z ? a{i - 1} + 'a' : a{i - 1} + 'b';" for i in range(1, 200))
    + "require('fs').rmSync(a199)",
    "joins": "['a','b'].join('')" * 3_000,
    "repeats": "require('fs').rmSync('a'.repeat(1e9)); " * 400,
    "repeats within": "require('fs').rmSync(" + "'abc'" + ".repeat(99)" * 300 + ")",
    "replaces": "require('fs').rmSync('a'" + ".replace('a', 'aa')" * 900 + ")",
    "names": _numbered("const a# = 1; b = a#;", 900),
    "one name given often": "a = 1; " * 900 + "require('fs').rmSync(a)",
    "destructured": "const {a, b: {c}} = require('fs'); " * 700,
    "members": "a" + ".b" * 30_000,
    "calls of calls": "a" + "()" * 30_000,
    "evals": "eval('eval(\"eval(1)\")');" * 600,
    "evals within": "eval(" * 60 + "'1'" + ")" * 60,
    "templates": "`${" * 6_000 + "1" + "}`" * 6_000,
    "regexes": "/a(b|c)*/;" * 3_000,
    "comments": "/*a*/" * 18_000,
    "long string": "x = '" + "a" * 95_000 + "'",
    "long name": "a" * 95_000,
    "escapes": "x = '" + "\\u0041" * 15_000 + "'",
    "garbage": "( { [ ` ' => ... ? : ; " * 4_000,
    "garbage of signs": "=<>!+-*/%^&|~?" * 6_800,
    "garbage of words": "function class async await const if " * 2_600,
    "tags": "<a>" * 30_000,
    "classes": "class A { a() { " * 2_500 + "} }" * 2_500,
    "spread": "f(" + "...a, " * 900 + "1)",
    "objects of many keys": "x = {" + _numbered("a#: #, ", 900) + "}; fetch('https://a.b', x)",
    "fetches": "fetch('https://api.github.com/repos/a/b', {method: 'DELETE', body: '{}'});\n" * 300,
    "foreign letters": "é;" * 20_000,
    "megabytes": "f(1);\n" * 600_000,
}
CODEX = {
    "many tools": "await tools.exec_command({cmd: 'rm -rf /srv/a'});\n" * 600,
    "30 tools of long text": ("await tools.exec_command({cmd: '" + "rm a;" * 600 + "'});\n") * 29,
    "30 tools of garbage": ("await tools.exec_command({cmd: '" + "a=( $( ) | {" * 240 + "'});\n") * 29,
    "30 tools of powershell": ("await tools.exec_command({cmd: 'pwsh -c \"" + "ri a;" * 600 + "\"'});\n") * 29,
    "30 patches": (
        "await tools.apply_patch('*** Begin Patch\\n" + "*** Add File: a\\n+x\\n" * 140 + "*** End Patch');\n"
    )
    * 29,
    "tools of values that double": "let a = 'rm x;';" + "a = a + a;" * 300 + "await tools.exec_command({cmd: a})",
    "tools in loops": "for (const a of [1,2,3]) { " * 60 + "await tools.exec_command({cmd: `rm ${a}`})" + "}" * 60,
    "tools of choices": "const a = z ? 'a' : 'b';" * 90 + "await tools.exec_command({cmd: `" + "${a}" * 90 + "`})",
}
PYTHON = {
    "many calls": "f(1)\n" * 3_200,
    "many removals": "import os\n" + "os.remove('/srv/a')\n" * 800,
    "many commands": "import subprocess\n" + "subprocess.run(['rm', 'a'])\n" * 560,
    "many requests": "import requests\n" + "requests.delete('https://api.github.com/repos/a/b')\n" * 300,
    "brackets": "(" * 190 + "1" + ")" * 190,
    "brackets too deep": "(" * 8_000 + "1" + ")" * 8_000,
    "lists": "x = " + "[" * 90 + "]" * 90 + "\n",
    "additions": "x = " + "1 + " * 3_900 + "1",
    "strings that are joined": "x = " + "'a' " * 3_900,
    "minus": "x = " + "-" * 15_000 + "1",
    "not": "x = " + "not " * 3_900 + "1",
    "attributes": "x = a" + ".b" * 7_900,
    "calls of calls": "x = a" + "()" * 7_900,
    "subscripts": "x = a" + "[1]" * 5_200,
    "constants that double": "a0 = 'xxxxxxxx'\n"
    + "".join(f"a{i} = a{i - 1} + a{i - 1}\n" for i in range(1, 500))
    + "import os; os.remove(a499)",
    "constants that are multiplied": "a0 = 'xxxxxxxx'\n"
    + "".join(f"a{i} = a{i - 1} * 9999\n" for i in range(1, 400))
    + "import os; os.remove(a399)",
    "formats that double": "a0 = 'xxxxxxxx'\n"
    + "".join(f"a{i} = f'{{a{i - 1}}}{{a{i - 1}}}'\n" for i in range(1, 400))
    + "import os; os.remove(a399)",
    "lists that double": "a0 = ['x']\n"
    + "".join(f"a{i} = [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 400))
    + "import subprocess; subprocess.run(a399)",
    "big numbers": "x = 9 ** 9 ** 9\n" * 900,
    "long numbers": "x = " + "9" * 16_000,
    "one name given often": "a = 1\n" * 1_000 + "import os\nos.remove(a)\n",
    "names": "".join(f"a{i} = 1\nb = a{i}\n" for i in range(500)),
    "functions": "".join(" " * i + "def f():\n" for i in range(90)) + " " * 90 + "pass\n",
    "many functions": "def f():\n  os.remove('a')\n" * 480,
    "lambdas": "x = " + "lambda: " * 1_900 + "1",
    "evals": "exec('exec(\"exec(1)\")')\n" * 600,
    "evals of long code": "exec('" + "f(1);" * 3_000 + "')\n",
    "evals within": "exec(" * 60 + "'1'" + ")" * 60,
    "many evals": "exec('import os; os.remove(1)')\n" * 490,
    "decorators": "@a\n" * 5_000 + "def f(): pass",
    "f-strings": "x = f'" + "{a}" * 4_500 + "'",
    "comprehensions": "x = [" + "a for a in " * 1_300 + "b]",
    "matches": "match a:\n" + "  case 1: pass\n" * 900,
    "comparisons": "x = " + "a < " * 3_900 + "b",
    "conditionals": "x = " + "a if b else " * 1_300 + "c",
    "imports": "import a, b, c, d\n" * 880,
    "decodes": "import base64; exec(base64.b64decode('cHJpbnQoMSk='))\n" * 290,
    "decodes within": "import base64; exec(" + "base64.b64decode(" * 60 + "'YQ=='" + ")" * 60 + ")",
    "shells": "import os; os.system('rm -rf /srv/a; ' * 9)\n" * 330,
    "garbage": "( [ { ' \" : = \n lambda def " * 500,
    "indents": "".join(" " * (i % 90) + "a\n" for i in range(340)),
    "foreign letters": "é = 1\n" * 2_000,
    "comments": "#a\n" * 5_400,
    "too long": "f(1)\n" * 12_000,
    "megabytes": "os.remove('a')\n" * 260_000,
}


def cases() -> Iterator[Hostile]:
    """Yield every case."""
    for name, content in JAVASCRIPT.items():
        yield text("javascript", name, content)
    for name, content in PYTHON.items():
        yield text("python", name, content)
    for name, content in CODEX.items():
        yield tool("codex", name, "exec", content)
