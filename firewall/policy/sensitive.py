"""The two files of a policies folder that say what sensitive data looks like, read alone: half a second less."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.rules import read_rules
from firewall.classify.personal.scanner import FILE as PERSONAL
from firewall.classify.personal.scanner import Scanner, read_kinds
from firewall.core.errors import ConfigError
from firewall.policy.defaults import shipped
from firewall.policy.load import CREDENTIALS


def read_sensitive(folder: Path) -> tuple[Detector, Scanner]:
    """Return what finds credentials and personal data under a folder; a missing file is the shipped one.

    Raises: ConfigError naming the file and what is wrong.
    """
    return Detector(read_rules(_table(folder, CREDENTIALS))), read_kinds(_table(folder, PERSONAL))


def _table(folder: Path, name: str) -> Mapping[str, object]:
    path = folder / name if (folder / name).exists() else shipped() / name
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"`{path}` cannot be read: {str(error)[:200]}", file=str(path)) from error
