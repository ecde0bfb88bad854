"""The routes that are shipped, behind a real server, with vendors that are one scripted program on loopback."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firewall.demo.provider import app
from firewall.demo.script import Scene, Script, Turn
from firewall.demo.serving import served
from tests.support.installation import PROVIDER_KEY, Installed, Served, cli, serving

ROUTES = ("coder", "quick")
KEYS = dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"), PROVIDER_KEY)
_VENDORS = re.compile(r'base_url = "https://[^/"]+(/v1)?"')


@contextmanager
def shipped(folder: Path) -> Iterator[Served]:
    """Serve what `stayhand init --routes` writes; only the vendors' addresses are others."""
    script = Script(scenes=(Scene(when="", turns=(Turn(text="ready"),)),))
    arguments = ("init", str(folder / "conf"), "--data-dir", str(folder / "data"), "--routes", "--json")
    done = cli(*arguments)
    assert done.returncode == 0, done.stderr
    installed = Installed(folder, json.loads(done.stdout))
    with served(app(script, key=PROVIDER_KEY)) as provider:
        text = installed.config.read_text()
        text, count = _VENDORS.subn(lambda found: f'base_url = "{provider}{found[1] or ""}"', text)
        assert count == 3
        installed.config.write_text(text)
        with serving(installed, env=KEYS) as running:
            yield running


def stayhand(house: Served, *arguments: str) -> tuple[int, str, str]:
    """Run a command against the server as an admin; returns its exit code and what it wrote."""
    env = {**os.environ, **KEYS, "STAYHAND_TOKEN": str(house.installed.shown["admin_token"])}
    done = cli("--config", str(house.at_its_ports()), *arguments, env=env)
    return done.returncode, done.stdout, done.stderr
