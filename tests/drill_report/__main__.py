"""Drills the shipped routes and writes what came of it: `python -m tests.drill_report --write` (docs/drills.md).

Without `--write` the page is printed. It takes about two minutes: silences are waited for.
"""

import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx

from firewall.cli.default_routes import ROUTES as TEXT
from tests.support.installation import Served
from tests.support.shipped_routes import ROUTES, shipped, stayhand

PAGE = Path(__file__).resolve().parents[2] / "docs" / "drills.md"
HEAD = """# Drills of the shipped routes

Written by `python -m tests.drill_report --write` on {date}, on a machine that was busy with other work. The server
is the one that `stayhand init --routes` configures; the three vendors are one scripted program on loopback, which
answers in each vendor's dialect; who fails on purpose is the server that every drill uses
([routes](routing.md#drills)). The milliseconds are this machine's and hold what silence was waited for: 2 s, and
8 s for a whole answer.

```toml
{routes}```

The OpenAI and Gemini members speak other dialects than the client, so every fallback here is a translated one. A
stream that began again says `attempts` 1: that header had been sent.
"""
ROUTE = """
## `stayhand route drill {route}`

```
{text}```
"""
SHARE = """
## `stayhand route drill --share 100 --for 5s`

Two agents of staging asked `coder` without a pause, {asked} times before, during and after:

```
{text}```

## What is left

A drill fails the first member; so that every other one answers once, `503` then fails those before it. That a
vendor's key, quota and model are good shows in a real installation, where the fallbacks really answer these small
questions, and charge for them. Content filters and questions that are too long stay the vendor's own word: no
member is known to have a larger window than the first, and falling over after a filter is the route's choice.
"""


def main() -> None:
    """Drill, and print or write the page."""
    with tempfile.TemporaryDirectory() as folder, shipped(Path(folder)) as house:
        parts = [HEAD.format(date=datetime.now(UTC).strftime("%Y-%m-%d"), routes=TEXT)]
        for route in ROUTES:
            code, out, error = stayhand(house, "route", "drill", route)
            if code:
                sys.exit(f"`{route}` was not passed:\n{out}{error}")
            parts.append(ROUTE.format(route=route, text=out))
        parts.append(_share(house))
    page = "".join(parts)
    if "--write" in sys.argv:
        PAGE.write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)


def _share(house: Served) -> str:
    """Fail every first member for a while under load, and tell what came of it."""
    over, counts = threading.Event(), [0, 0]
    tokens = [house.mint(owner="alice") for _ in counts]

    def load(place: int) -> None:
        while not over.is_set():
            body = {"model": "coder", "max_tokens": 9, "messages": [{"role": "user", "content": "ready?"}]}
            headers = {"x-api-key": tokens[place]}
            httpx.post(f"{house.agents}/v1/messages", json=body, headers=headers, trust_env=False, timeout=60)
            counts[place] += 1

    threads = [threading.Thread(target=load, args=(place,), daemon=True) for place in range(len(counts))]
    for one in threads:
        one.start()
    try:
        code, out, error = stayhand(house, "route", "drill", "--share", "100", "--for", "5s")
    finally:
        over.set()
        for one in threads:
            one.join(60)
    if code:
        sys.exit(f"the secondary did not carry the load:\n{out}{error}")
    return SHARE.format(asked=sum(counts), text=out)


if __name__ == "__main__":
    main()
