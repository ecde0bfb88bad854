"""Stands in where curl is not installed: the few options that the incident's command uses, the same request.

python -m firewall.demo.incident.curl -s -X POST URL -H 'name: value' -d BODY
"""

import argparse
import os
import shlex
import shutil
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

TIMEOUT_S = 20.0


def with_curl(environment: Mapping[str, str], folder: Path) -> tuple[dict[str, str], bool]:
    """Return an environment whose PATH has curl, and whether it is the real one; else `folder` gets a stand-in."""
    path = environment.get("PATH", os.defpath)
    if shutil.which("curl", path=path):
        return dict(environment), True
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).resolve().parents[3]
    program = folder / "curl"
    call = shlex.join([sys.executable, "-P", "-m", "firewall.demo.incident.curl"])
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(root))} exec {call} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return {**environment, "PATH": f"{folder}{os.pathsep}{path}"}, False


def main(argv: Sequence[str] | None = None) -> int:
    """Send one request and print the answer; as curl, 7 when nobody answers."""
    parser = argparse.ArgumentParser(prog="curl")
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-X", dest="method", default="POST")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body", default="")
    parser.add_argument("-x", dest="proxy", default=None)
    parser.add_argument("--cacert", dest="authorities", default=None)
    options = parser.parse_args(argv)
    pairs = [header.partition(":") for header in options.headers]
    try:
        answer = httpx.request(
            options.method,
            options.url,
            headers=[(name, value.strip()) for name, _, value in pairs],
            content=options.body,
            timeout=TIMEOUT_S,
            trust_env=False,
            proxy=options.proxy,
            verify=ssl.create_default_context(cafile=options.authorities),
        )
    except httpx.HTTPError:
        return 7
    sys.stdout.write(answer.text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
