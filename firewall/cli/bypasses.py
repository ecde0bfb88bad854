"""What would lead an agent past the firewall, as far as this machine shows it: for `stayhand doctor`.

Facts alone, never values: names of variables, paths of files, hosts. Each function yields (what, hint).
"""

import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from firewall.classify.credentials.detector import Detector
from firewall.cli.proxied import DIRECT, LOOPBACK, PROXIES, UNSET
from firewall.settings.settings import Settings

Told = tuple[str, str]
FILES = (
    ".aws/credentials",
    ".azure/accessTokens.json",
    ".azure/msal_token_cache.json",
    ".config/doctl/config.yaml",
    ".config/gcloud/application_default_credentials.json",
    ".config/gcloud/credentials.db",
    ".config/gh/hosts.yml",
    ".config/hub",
    ".config/stripe/config.toml",
    ".config/configstore/firebase-tools.json",
    ".docker/config.json",
    ".fly/config.yml",
    ".git-credentials",
    ".kube/config",
    ".netlify/config.json",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".railway/config.json",
    ".ssh/id_ecdsa",
    ".ssh/id_ed25519",
    ".ssh/id_rsa",
    ".supabase/access-token",
    ".terraform.d/credentials.tfrc.json",
    ".vault-token",
)
"""Where programs keep logins, below a home folder."""
_CURL = re.compile(r"^\s*-?-?(insecure|k|proxy|x|noproxy|preproxy|socks5)\b", re.MULTILINE)
_GIT = re.compile(r"^\s*(sslverify\s*=\s*(false|0|no|off)|proxy\s*=)", re.IGNORECASE | re.MULTILINE)
_NPM = re.compile(r"^\s*(strict-ssl\s*=\s*false|(https?-)?proxy\s*=|noproxy\s*=)", re.MULTILINE)
_PIP = re.compile(r"^\s*(proxy|trusted-host)\s*=", re.MULTILINE)
_WGET = re.compile(r"^\s*(check_certificate\s*=\s*off|use_proxy\s*=\s*off|https?_proxy\s*=)", re.MULTILINE)
SETTINGS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        ".config/curlrc": _CURL,
        ".config/git/config": _GIT,
        ".config/pip/pip.conf": _PIP,
        ".curlrc": _CURL,
        ".gitconfig": _GIT,
        ".npmrc": _NPM,
        ".wgetrc": _WGET,
    }
)
"""Settings files below a home folder, and the lines in them that lead programs elsewhere or end verification."""
ENGINES = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/run/libvirt/libvirt-sock",
    "/var/snap/lxd/common/lxd/unix.socket",
)
"""Sockets through which programs start programs outside, with a network of their own."""
METADATA = (("169.254.169.254", 80), ("169.254.170.2", 80))
"""Where clouds hand a machine its own credentials."""
_METADATA_S = 0.3
_SHOWN = 6
_MAX_SETTINGS = 256 * 1024
_ROUTES = "/proc/net/route"
_ROUTES_6 = "/proc/net/ipv6_route"


def of_network(
    settings: Settings, routes: Path = Path(_ROUTES), routes_6: Path = Path(_ROUTES_6)
) -> Iterator[Told]:
    """Tell whether a program can leave without us."""
    if settings.egress is None:
        yield (
            "no forward proxy: what an agent's curl, git and package managers do is not seen",
            "put [egress] into stayhand.toml (docs/egress.md)",
        )
    if _leads_out(routes, routes_6):
        how = (
            "stayhand run --isolate" if shutil.which("bwrap") else "apt-get install bubblewrap, then run --isolate"
        )
        yield "this machine has a direct network: a program that ignores the proxy's variables is not seen", how


def _leads_out(routes: Path, routes_6: Path) -> bool:
    """Tell whether the kernel has a default route of either kind (the loopback's own aside)."""
    fours = [line.split() for line in _lines(routes)[1:]]
    sixes = [line.split() for line in _lines(routes_6)]
    return any(one[1:2] == ["00000000"] and one[0] != "lo" for one in fours) or any(
        one[:2] == ["0" * 32, "00"] and one[-1] != "lo" for one in sixes
    )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def of_engines(paths: Iterable[str] = ENGINES, own: str | None = None) -> Iterator[Told]:
    """Tell which sockets would start programs that nothing isolates; `own`: the folder of this user's sockets."""
    folder = own if own is not None else os.environ.get("XDG_RUNTIME_DIR", "")
    mine = (f"{folder}/docker.sock", f"{folder}/podman/podman.sock") if folder else ()
    real = {os.path.realpath(path) for path in (*paths, *mine) if os.access(path, os.W_OK)}
    if real:
        yield (
            f"sockets of container engines can be written to: {_some(sorted(real))}",
            "take the agent's user out of their groups: who starts a container is outside of everything here",
        )


def of_metadata(addresses: Iterable[tuple[str, int]] = METADATA) -> Iterator[Told]:
    """Tell whether a cloud's metadata service answers: it hands out the credentials of the whole machine."""
    for address in addresses:
        with suppress(OSError), socket.create_connection(address, timeout=_METADATA_S):
            yield (
                f"a metadata service answers at {address[0]}: it hands this machine's credentials to any program",
                "stayhand run --isolate, or a hop limit of 1 and a firewall rule for the agent's user",
            )


def of_settings(home: Path | None = None) -> Iterator[Told]:
    """Tell which settings files of programs lead them elsewhere, or end verification."""
    folder = home or Path.home()
    found = []
    for name, pattern in SETTINGS.items():
        with suppress(OSError), (folder / name).open(encoding="utf-8", errors="replace") as file:
            if pattern.search(file.read(_MAX_SETTINGS)):
                found.append(f"~/{name}")
    if found:
        yield (
            f"settings lead programs past the proxy, or end verification: {_some(found)}",
            "remove these lines, or run agents as another user",
        )


def of_tunnels(settings: Settings) -> Iterator[Told]:
    """Tell whose connections are passed on unseen."""
    for host in settings.egress.tunnel if settings.egress is not None else ():
        yield (
            f"connections to `{host}` are tunnelled: nobody sees what is in them",
            "remove it from [egress] tunnel",
        )


def of_variables(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[Told]:
    """Tell which variables of this environment lead elsewhere, or past the proxy."""
    listen = settings.egress.listen if settings.egress is not None else ""
    for name in PROXIES:
        value = environ.get(name, "")
        if value and _authority(value) != listen:
            yield f"{name} leads to another proxy", "`stayhand run` sets it anew where [egress] is configured"
    for name in DIRECT:
        past = [one.strip() for one in environ.get(name, "").split(",") if one.strip()]
        strange = [one for one in past if one not in LOOPBACK and not one.startswith("127.")]
        if strange:
            shown = ", ".join(f"`{one}`" for one in strange[:_SHOWN])
            yield f"{name} lets programs past the proxy to {shown}", "`stayhand run` sets it anew"
    if switched := [name for name in UNSET if environ.get(name)]:
        yield f"variables change what programs trust: {_some(switched)}", "`stayhand run` removes them"


def of_credentials(
    detector: Detector, environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> Iterator[Told]:
    """Tell where credentials lie that an agent of this user could use without us."""
    held = sorted(
        name
        for name, value in environ.items()
        if not name.startswith("STAYHAND_") and detector.find(f"{name}={value}".encode(errors="replace"))
    )
    if held:
        yield (
            f"variables hold credentials: {_some(held)}",
            "start agents without them; `stayhand run` keeps what it does not know",
        )
    folder = home or Path.home()
    found = [f"~/{name}" for name in FILES if os.access(folder / name, os.R_OK)]
    if found:
        yield (
            f"files hold logins that an agent of this user can read: {_some(found)}",
            "another user for agents (docs/threat-model.md)",
        )


def _some(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _authority(address: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}"
