"""Where the shipped policies lie: inside the installed package, or beside it in a checkout."""

import shutil
from pathlib import Path

from firewall.core.errors import ConfigError
from firewall.policy.held import hold_back
from firewall.policy.people import Approvers
from firewall.policy.rows import FILE

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(package: Path = _PACKAGE) -> Path:
    """Return the folder of the shipped policies: `firewall/_policies` of a wheel, else `policies` of a checkout.

    Raises: ConfigError when there is neither.
    """
    for folder in (package / "_policies", package.parent / "policies"):
        if (folder / "policy.csv").is_file():
            return folder
    raise ConfigError("the shipped policies are missing", hint="install `stayhand` again")


def copy_to(directory: Path, *, approvers: Approvers | None = None) -> list[Path]:
    """Copy the shipped policies into a new or empty folder and return the files, sorted; generators stay behind.

    Rows that `approvers` cannot meet are held back (`policy.held`); None: there is nobody yet.
    Raises: ConfigError when the folder holds anything, or cannot be written.
    """
    source = shipped()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ConfigError(f"`{directory}` is not empty", hint="name a new folder")
        left = shutil.ignore_patterns("generators", "__pycache__")
        shutil.copytree(source, directory, dirs_exist_ok=True, copy_function=shutil.copyfile, ignore=left)
        table = directory / FILE
        table.write_text(hold_back(table.read_text("utf-8"), approvers or Approvers()), "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write the policies to `{directory}`", detail=str(error)) from error
    return sorted(path for path in directory.rglob("*") if path.is_file())
