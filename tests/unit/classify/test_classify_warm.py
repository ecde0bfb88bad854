"""What loads late can be loaded ahead: the first call of a kind then waits for nothing."""

import subprocess
import sys

import pytest

_SCRIPT = """
import sys
from firewall.classify.text import actions_of_input, load_late, warm
from tests.support.understanding import shipped_context
LOADED(shipped_context())
before = set(sys.modules)
for kind, dialect, text in (
    ("shell", "", "psql -c 'SELECT 1'; python3 -c 'import os; os.remove(\\"a\\")'; node -e 'fs.rmSync(\\"a\\")'"),
    ("sql", "mysql", "SELECT `a` FROM t"),
    ("sql", "sqlite", "REPLACE INTO a VALUES (1)"),
    ("sql", "snowflake", "SELECT $1 FROM VALUES (1)"),
    ("graphql", "", "mutation { volumeDelete(volumeId: 1) }"),
    ("mcp", "", '{"server": "a", "tool": "run_sql", "arguments": {"sql": "SELECT 1"}}'),
):
    actions_of_input(kind, text, shipped_context(), dialect=dialect)
parsers = ("sqlglot", "graphql", "postgast")
print(sorted(name for name in set(sys.modules) - before if name.split(".")[0] in parsers))
"""


@pytest.mark.parametrize("loaded", ["warm", "load_late"])
def test_no_grammar_is_loaded_by_a_call(loaded: str) -> None:
    """After warming up no text of any kind imports a parser; what a thread does of it is enough for that."""
    script = _SCRIPT.replace("LOADED", loaded)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
