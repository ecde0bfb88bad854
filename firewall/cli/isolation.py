"""`stayhand run --isolate`: an agent in a network of its own, whose only ways out lead to the firewall.

bubblewrap gives it network, process and IPC namespaces. What is reached by a path is not cut off by those: folders
of sockets are hidden, every listening socket elsewhere is covered, and so are the firewall's own files. Relays
(`firewall.cli.relay`) lead from the usual addresses inside to the firewall outside; the control side has none.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firewall.cli.report import fail
from firewall.settings.settings import Settings

INSIDE = "/run/stayhand"
HIDDEN = ("/run", "/tmp", "/var/tmp")  # noqa: S108 - hidden, never used
UNSET = (
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "DOCKER_HOST",
    "GPG_AGENT_INFO",
    "SSH_AUTH_SOCK",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
)
"""Variables that name ways out which are not there."""
_TRIAL_S = 10
_NETWORK = ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


@dataclass(frozen=True, slots=True)
class Room:
    """What an isolated agent gets."""

    addresses: tuple[str, ...]
    """`host:port` of the firewall's listeners for agents: the same inside."""
    workspace: str
    kept: tuple[str, ...] = ()
    """More paths that stay visible although their folder is hidden."""
    covered: tuple[str, ...] = ()
    """Files and folders of the firewall."""


def checked_bubblewrap() -> str:
    """Return the program; ends the command with an explanation where it is absent or not permitted."""
    found = shutil.which("bwrap")
    if found is None:
        fail("--isolate needs bubblewrap, which is not installed", hint="apt-get install bubblewrap")
    trial = [found, *_NETWORK, "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    try:
        done = subprocess.run(trial, capture_output=True, text=True, timeout=_TRIAL_S, check=False)  # noqa: S603 - found on PATH, no input
    except (OSError, subprocess.TimeoutExpired) as error:
        fail(f"--isolate: bubblewrap cannot be run ({type(error).__name__})")
    if done.returncode:
        said = done.stderr.strip().splitlines()
        fail(
            f"--isolate: bubblewrap is not permitted here ({said[-1] if said else done.returncode})",
            hint="allow user namespaces (kernel.unprivileged_userns_clone, AppArmor), or run without --isolate",
        )
    return found


def room_of(settings: Settings, workspace: str, variables: Mapping[str, str]) -> Room:
    """Return what an agent gets of this machine, and what of it is covered."""
    listened = [settings.server.listen, settings.server.tls_listen]
    listened += [settings.egress.listen] if settings.egress is not None else []
    addresses = tuple(address for address in listened if address)
    for address in addresses:
        if address.rpartition(":")[0] not in ("127.0.0.1", "localhost", "[::1]"):
            fail(f"--isolate needs listeners on loopback, and `{address}` is none")
    package = str(Path(__file__).resolve().parents[2])
    home = variables.get("HOME", "")
    return Room(
        addresses=addresses,
        workspace=workspace,
        kept=tuple(filter(None, (home, sys.prefix, sys.base_prefix, package, _bundle_folder(variables)))),
        covered=tuple(map(str, (*_own(settings), *settings.secret_files))),
    )


def _own(settings: Settings) -> list[Path]:
    keys = [settings.signing_key, settings.keystore, settings.keystore_key]
    return [settings.data_dir, settings.policy_dir, Path(settings.path), *keys]


def _bundle_folder(variables: Mapping[str, str]) -> str:
    bundle = variables.get("SSL_CERT_FILE", "")
    return str(Path(bundle).parent) if bundle else ""


def isolated(bubblewrap: str, room: Room, command: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` in a room of its own; relays included."""
    folder = tempfile.mkdtemp(prefix="stayhand-")
    python = [sys.executable, "-P", "-m", "firewall.cli.relay"]
    outside: list[str] = []
    inside: list[str] = []
    for number, address in enumerate(room.addresses):
        outside += ["--link", f"unix:{folder}/{number}.sock=tcp:{address}"]
        inside += ["--link", f"tcp:{address}=unix:{INSIDE}/{number}.sock"]
    view = _view(room, folder)
    session = [] if _is_terminal_safe() else ["--new-session"]
    wrapped = [bubblewrap, "--die-with-parent", "--cap-drop", "ALL", *session, *_NETWORK, *view, "--"]
    return [*python, *outside, "--folder", folder, "--", *wrapped, *python, *inside, "--", *command]


def without_ways_out(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that names nothing which is hidden."""
    return {name: value for name, value in environ.items() if name not in UNSET}


def _view(room: Room, folder: str) -> list[str]:
    words = ["--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for path in HIDDEN:
        if Path(path).is_dir() and not Path(path).is_symlink():
            words += ["--tmpfs", path]
    words += ["--bind", folder, INSIDE]
    for path in dict.fromkeys((room.workspace, *room.kept)):
        if _is_below(path, HIDDEN):
            words += ["--bind", path, path]
    for path in _existing((*room.covered, *sockets())):
        if _is_below(path, HIDDEN) and not _is_below(path, (room.workspace, *room.kept)):
            continue  # not there inside
        words += ["--tmpfs", path] if Path(path).is_dir() else ["--ro-bind", os.devnull, path]
    return words


def sockets(table: Path = Path("/proc/net/unix")) -> list[str]:
    """Return the paths of all sockets that somebody listens on."""
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:]
    except OSError:
        return []
    found = set()
    for line in lines:
        columns = line.split(maxsplit=7)
        listens = len(columns) == 8 and int(columns[3], 16) & 0x10000
        if listens and columns[7].startswith("/"):
            found.add(columns[7])
    return sorted(found)


def _existing(paths: Iterable[str]) -> list[str]:
    """Return real paths that exist; a folder comes before what lies in it, which then needs no cover."""
    real = sorted({os.path.realpath(path) for path in paths if path and os.path.lexists(path)})
    folders = tuple(path for path in real if os.path.isdir(path))  # noqa: PTH112 - paths are text here
    return [path for path in real if not _is_below(path, tuple(one for one in folders if one != path))]


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders if folder)


def _is_terminal_safe() -> bool:
    """Tell whether a program cannot type into the terminal that it shares with us (CVE-2017-5226)."""
    if not sys.stdin.isatty():
        return False
    try:
        return Path("/proc/sys/dev/tty/legacy_tiocsti").read_text(encoding="ascii").strip() == "0"
    except OSError:
        return False
