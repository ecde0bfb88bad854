"""A start imports what serving needs at once, and no more."""

import subprocess
import sys

from tests.support.installation import REPOSITORY

_LATE = (
    "rich",
    "pygments",
    "httpx",
    "sqlglot",
    "postgast",
    "google",
    "botocore",
    "opentelemetry",
    "firewall.demo",
    "firewall.codecs.neutral.anthropic.reader",
    "firewall.codecs.neutral.openai_chat.writer",
    "firewall.codecs.neutral.openai_responses.reader",
    "firewall.codecs.neutral.gemini.writer",
)
_SCRIPT = """
import sys
import firewall.cli.main
import firewall.cli.serve
late = {late}
print(sorted(name for name in late if name in sys.modules))
"""


def test_what_is_needed_later_is_loaded_later() -> None:
    """Parsers of SQL, the client of webhooks, the scripted provider, translators, and what is not configured."""
    script = _SCRIPT.format(late=_LATE)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr + done.stdout


_TRANSLATORS = """
import sys
from firewall.codecs.neutral import registry
registry.load_late()
names = [f"firewall.codecs.neutral.{dialect.replace('-', '_')}.{part}"
         for dialect in registry.READERS for part in ("reader", "writer")]
print(len(names), sorted(name for name in names if name not in sys.modules))
"""


def test_translators_can_be_loaded_ahead() -> None:
    """What the thread beside the first calls loads is everything that the first translation needs."""
    argv = [sys.executable, "-c", _TRANSLATORS]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "8 []"), done.stderr + done.stdout


_HOOK = """
import sys
sys.path.append({root!r})
from firewall.cli import hook_client
answer = b'HTTP/1.1 200 OK\\r\\ncontent-length: 19\\r\\n\\r\\n{{"verdict":"allow"}}'
assert hook_client._parsed(answer) == {{"verdict": "allow"}}
try:
    hook_client._connected("127.0.0.1", 9, is_secret=False)
except hook_client.NoAnswerError:
    hook_client.allowed("cursor")
late = ("json", "re", "enum", "socket", "signal", "typing", "collections", "pathlib", "site", "ssl", "click")
late += ("encodings.idna", "stringprep", "unicodedata")
print(sorted(name for name in late if name in sys.modules))
"""


def test_a_hook_that_lets_a_call_run_loads_almost_nothing() -> None:
    """An agent pays for a start before every call: what costs more than the rest is loaded for denials alone."""
    script = _HOOK.format(root=str(REPOSITORY))
    argv = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr + done.stdout
