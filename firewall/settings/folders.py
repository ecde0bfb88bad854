"""Where an installation keeps its things when the configuration does not say (XDG Base Directory 0.8)."""

import os
from collections.abc import Mapping
from pathlib import Path


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$XDG_STATE_HOME/stayhand`, or its default under the home folder."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local/state")
    return Path(base) / "stayhand"


def default_config_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$XDG_CONFIG_HOME/stayhand`, or its default under the home folder."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".config")
    return Path(base) / "stayhand"
