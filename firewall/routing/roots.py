"""Where this machine keeps the certificate authorities that it trusts.

The paths are fixed: no environment variable can replace them, so an authority that we hand to agents
(SSL_CERT_FILE of their processes) never verifies anything of ours. Without any of them certifi's bundle serves.
"""

from pathlib import Path

import certifi

PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, the BSDs
)


def system_roots(places: tuple[str, ...] = PLACES) -> Path:
    """Return the file with the system's roots."""
    for place in places:
        path = Path(place)
        if path.is_file() and path.stat().st_size:
            return path
    return Path(certifi.where())
