"""Python by its tree: recorded programs, disguises that are never read as mild, and programs that only read."""

import base64
import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.code.python.reader import read_python
from firewall.classify.draft import Source
from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from firewall.core.effect import Effect, ordered
from tests.support.understanding import cases, shipped_context
from tests.support.work import MAX_CALLS, counted

MILD = {Effect.READ, Effect.WRITE, Effect.DISRUPTIVE}


def understood(code: str, kind: str = "python") -> tuple[Action, ...]:
    """Return the actions of a program."""
    return actions_of_input(kind, code, shipped_context())


def effects(code: str) -> set[Effect]:
    """Return all effects of a program."""
    return {effect for action in understood(code) for effect in action.effects}


def test_recorded_programs() -> None:
    """Every recorded program has exactly the effects of its row."""
    wrong = []
    for row in cases("python"):
        found = [e.value for e in ordered(e for a in understood(str(row["input"])) for e in a.effects)]
        if found != row["effects"]:
            wrong.append((row["input"], found, row["effects"]))
    assert wrong == []
    assert len(cases("python")) > 120


PAYLOADS = (
    "import os; os.system('rm -rf /srv')",
    "import shutil; shutil.rmtree('/srv/data')",
    "__import__('os').remove('/srv/x')",
)


def _parts(text: str) -> str:
    return "+".join(repr(text[at : at + 3]) for at in range(0, len(text), 3))


DISGUISES = {
    "exec": lambda code: f"exec({code!r})",
    "eval of exec": lambda code: f"eval('exec({code!r:.0}' + {('exec(' + repr(code) + ')')!r})",
    "joined": lambda code: f"exec({_parts(code)})",
    "join": lambda code: f"exec(''.join([{', '.join(repr(char) for char in code)}]))",
    "f-string": lambda code: f"a={code!r}\nexec(f'{{a}}')",
    "reversed": lambda code: f"exec({code[::-1]!r}[::-1])",
    "base64": lambda code: f"import base64\nexec(base64.b64decode({base64.b64encode(code.encode()).decode()!r}))",
    "base64 twice": lambda code: (
        "import base64 as b\nexec(b.b64decode(b.b64decode("
        f"{base64.b64encode(base64.b64encode(code.encode())).decode()!r})))"
    ),
    "hex": lambda code: f"exec(bytes.fromhex({code.encode().hex()!r}).decode())",
    "rot13": lambda code: f"import codecs\nexec(codecs.decode({codecs.encode(code, 'rot13')!r}, 'rot13'))",
    "characters": lambda code: f"exec(''.join(map(chr, {[ord(char) for char in code]})))",
    "bytes": lambda code: f"exec(bytes({list(code.encode())}).decode())",
    "compiled": lambda code: f"exec(compile({code!r}, 'x', 'exec'))",
    "builtins": lambda code: f"import builtins\nbuiltins.exec({code!r})",
    "getattr": lambda code: f"getattr(__builtins__, 'ex' + 'ec')({code!r})",
    "globals": lambda code: f"globals()['__builtins__']['exec']({code!r})",
    "alias": lambda code: f"e = exec\ne({code!r})",
    "mapped": lambda code: f"list(map(exec, [{code!r}]))",
    "lambda": lambda code: f"(lambda f, x: f(x))(exec, {code!r})",
    "default": lambda code: f"def f(x={code!r}, g=exec):\n    g(x)\nf()",
    "class": lambda code: f"class A:\n    __getitem__ = lambda s, x: exec(x)\nA()[{code!r}]",
    "decorator": lambda code: f"@exec\ndef f(): pass\nx={code!r}",
    "escapes": lambda code: "exec('" + "".join(f"\\x{ord(char):02x}" for char in code) + "')",
    "long escapes": lambda code: "exec('" + "".join(f"\\u{ord(char):04x}" for char in code) + "')",
    "subclasses": lambda code: f"().__class__.__base__.__subclasses__()[0]({code!r})",
    "timeit": lambda code: f"import timeit\ntimeit.timeit({code!r})",
    "unpickled": lambda code: f"import pickle\npickle.loads({code.encode()!r})",
    "code": lambda code: f"import code\ncode.InteractiveInterpreter().runsource({code!r})",
    "comprehension": lambda code: f"[exec(c) for c in [{code!r}]]",
    "walrus": lambda code: f"(y := exec)({code!r})",
    "shell": lambda code: f"import subprocess\nsubprocess.run(['python3', '-c', {code!r}])",
    "function": lambda code: "def f():\n    " + code + "\nf()",
    "import as": lambda code: (
        code.replace("import os;", "import os as q;").replace("os.system", "q.system")
        .replace("import shutil;", "from shutil import rmtree as z;").replace("shutil.rmtree", "z")
    ),
}  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("name", sorted(DISGUISES))
def test_no_disguise_is_mild(name: str, payload: str) -> None:
    """However code is hidden that would destroy, it is never nothing but reads and writes."""
    assert not effects(DISGUISES[name](payload)) <= MILD


@given(
    st.lists(
        st.sampled_from(sorted(set(DISGUISES) - {"import as", "function", "decorator"})), min_size=2, max_size=4
    )
)
def test_disguises_within_disguises(names: list[str]) -> None:
    """Disguises put into one another are no milder."""
    code = PAYLOADS[0]
    for name in names:
        code = DISGUISES[name](code)
    assert not effects(code) <= MILD


def test_what_only_reads_is_not_asked() -> None:
    """Programs that parse, print, compute and read files of the workspace are reads, all of the recorded ones."""
    plain = [row for row in cases("python") if row["effects"] == ["read"]]
    assert len(plain) > 45
    asked = [
        row["input"]
        for row in plain
        if any(a.environment != "local" and a.operation.startswith("code") for a in understood(str(row["input"])))
    ]
    assert asked == []


def test_evidence_points_at_the_deciding_words() -> None:
    """The span of what decided leads to its words, also behind letters that are several bytes long."""
    code = "x = 'é'; import shutil\nshutil.rmtree('/srv/dätä')\n"
    (action,) = understood(code)
    assert [code[item.start : item.end] for item in action.evidence] == ["'/srv/dätä'"]


def test_text_in_a_shell_line_is_judged_where_the_line_runs() -> None:
    """`cd /srv && python3 -c …` resolves the program's paths there; a here-document is read as well."""
    (first, *_) = [
        a
        for a in understood("cd /srv && python3 -c \"open('x').read()\"", "shell")
        if a.operation == "code:inline"
    ]
    assert first.resource == "file:/srv/x"
    found = understood("python3 - <<'EOF'\nimport os\nos.remove('/srv/y')\nEOF", "shell")
    assert [a.resource for a in found if Effect.DESTRUCTIVE in a.effects] == ["file:/srv/y"]


@given(st.text(max_size=300))
def test_nothing_raises(text: str) -> None:
    """Any text is read or unknown."""
    assert understood(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "a=" * 3000,
        "x=1;" * 6000,
        "f(" * 90 + ")" * 90,
        "'" * 20000,
        "a+" * 3000 + "a",
        "[" * 60 + "1" + "]" * 60,
        "x='a'\n" + "\n".join(f"x{i}=x{i - 1}+x{i - 1}" for i in range(1, 60)),
        "import os\n" + "os.remove('a')\n" * 900,
    ],
)
def test_hostile_text_is_bounded(text: str) -> None:
    """Deep, long and growing programs cost little and are never mild when they were not read to the end."""
    found, calls = counted(lambda: understood(text))
    assert found
    assert calls < MAX_CALLS


def test_reads_says_nothing_more() -> None:
    """`reads` is given only where nothing was found but reading."""
    context = shipped_context()
    assert read_python(Source("print(open('a').read())"), context).reads == ("a",)
    assert read_python(Source("open('a','w')"), context).reads is None
