"""Debian's Chromium for tests: where it is and how it is started without reaching out."""

import os
from pathlib import Path
from typing import Final

import pytest

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def needs_chromium() -> None:
    """Skip without Chromium; fail where STAYHAND_REQUIRE holds `browser`."""
    if Path(CHROMIUM).exists():
        return
    if "browser" in os.environ.get("STAYHAND_REQUIRE", "").split(","):
        pytest.fail("STAYHAND_REQUIRE demands a browser and there is no /usr/bin/chromium")
    pytest.skip("there is no /usr/bin/chromium")
