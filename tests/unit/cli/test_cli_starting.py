"""A start imports what serving needs at once, and no more."""

import subprocess
import sys

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
)
_SCRIPT = """
import sys
import firewall.cli.main
import firewall.cli.serve
late = {late}
print(sorted(name for name in late if name in sys.modules))
"""


def test_what_is_needed_later_is_loaded_later() -> None:
    """Parsers of SQL, the client of webhooks, the scripted provider, and what is not configured."""
    script = _SCRIPT.format(late=_LATE)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr + done.stdout
