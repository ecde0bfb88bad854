"""Which Host names we answer to and which origins may post (against rebinding, poisoned links and CSRF).

Pure. INVARIANT: nothing that we generate is shaped by a request's Host; links come from `public_url` alone.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_LOCAL_LISTEN = frozenset({*_LOOPBACK, "0.0.0.0", "[::]", "::1", "::"})  # noqa: S104 - compared, not bound
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the control side is reached."""

    hosts: frozenset[str]
    """Values of Host that are answered, lower case, with port as it stands in the header."""
    origins: frozenset[str]
    """Values of Origin that may post."""
    is_https: bool
    """Approvers reach us over https, so cookies are Secure and carry the `__Host-` prefix."""

    def knows_host(self, host: str) -> bool:
        """Tell whether a Host header names us."""
        return host.strip().lower() in self.hosts

    def is_same_origin(self, origin: str | None, fetch_site: str | None) -> bool:
        """Tell whether a request comes from our own page; without Origin, or with `null`, it never does."""
        if origin is None or origin.lower() not in self.origins:
            return False
        return fetch_site is None or fetch_site == "same-origin"


def places(public_url: str, control_listen: str) -> Places:
    """Work out the places from the settings; a loopback listener is also reached by its loopback names."""
    url = urlsplit(public_url)
    hosts = set(_netlocs(url.scheme, url.hostname or "", url.port))
    origins = {f"{url.scheme}://{netloc}" for netloc in hosts}
    host, _, port = control_listen.rpartition(":")
    names = _LOOPBACK if host.lower() in _LOCAL_LISTEN else (host.lower(),)
    for name in names:
        found = _netlocs("http", name, int(port))
        hosts.update(found)
        origins.update(f"http://{netloc}" for netloc in found)
    return Places(frozenset(hosts), frozenset(origins), url.scheme == "https")


def _netlocs(scheme: str, host: str, port: int | None) -> list[str]:
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host.lower()
    usual = _DEFAULT_PORT.get(scheme)
    if port is None or port == usual:
        return [host, f"{host}:{usual}"]
    return [f"{host}:{port}"]
