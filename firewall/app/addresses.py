"""Where the installation keeps what, and what of this machine belongs to the firewall."""

import os
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from firewall.guard.reach import Territory, territory
from firewall.sequencer.opening import Places
from firewall.settings.folders import default_config_dir
from firewall.settings.settings import Settings

REDIS_PORT = 6379


def host_port(address: str) -> tuple[str, int]:
    """Split `host:port`; brackets of an IPv6 address are dropped."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def places_of(settings: Settings) -> Places:
    """Return where the installation keeps what."""
    return Places(
        database=settings.database,
        signing_key=settings.signing_key,
        keystore=settings.keystore,
        keystore_key=settings.keystore_key,
        verify_key=settings.verify_key,
        witness=settings.witness,
    )


def shared_ports(settings: Settings) -> tuple[int, ...]:
    """Return the port of the Redis that processes share, if any: whoever writes there decides who is asked."""
    shared = urlsplit(settings.storage.shared)
    return (shared.port or REDIS_PORT,) if shared.hostname else ()


def territory_of(settings: Settings) -> Territory:
    """Return what belongs to the firewall on this machine (DESIGN 2.10)."""
    _, control = host_port(settings.server.control_listen)
    public = urlsplit(settings.server.public_url)
    own_folders = [folder for folder in (default_config_dir(), Path("/etc/stayhand")) if folder == settings.folder]
    shared = urlsplit(settings.storage.shared)
    ports = {control, *shared_ports(settings), public.port or (443 if public.scheme == "https" else 80)}
    control_host = host_port(settings.server.control_listen)[0]
    hosts = {public.hostname or "", control_host, socket.gethostname().lower(), shared.hostname or ""}
    return territory(
        paths=[
            settings.folder / "stayhand.toml",
            Path(settings.path),
            settings.data_dir,
            settings.policy_dir,
            settings.keystore_key,
            settings.vault_key,
            settings.verify_key,
            *own_folders,
            *settings.secret_files,
            Path(f"/proc/{os.getpid()}"),
            *(Path(one) for one in settings.witness if "://" not in one),
        ],
        ports=sorted(ports),
        hosts=sorted(host for host in hosts if host),
        process_ids=(os.getpid(), os.getpgrp(), os.getsid(0)),
        process_names=(*_own_names(), "stayhand", "python3 -m firewall.cli.main serve", "python"),
    )


def _own_names() -> tuple[str, ...]:
    """Return the name and command line by which this process is found, as the system tells them."""
    try:
        line = Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        name = Path("/proc/self/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return (" ".join(sys.orig_argv),)
    return tuple(filter(None, (name, line)))
