"""What makes an agent's programs use the forward proxy: variables, and the bundle of authorities they name."""

from collections.abc import Mapping
from pathlib import Path

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
DIRECT = ("NO_PROXY", "no_proxy")
BUNDLES = (
    "SSL_CERT_FILE",  # OpenSSL, Go, Ruby, uv, Python's ssl
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile",
    "DENO_CERT",
    "HEX_CACERTS_PATH",
    "NIX_SSL_CERT_FILE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
"""Variables that name a file of certificate authorities."""
UNSET = ("SSL_CERT_DIR", "GIT_SSL_NO_VERIFY", "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY")
"""Variables that would name other authorities, or switch the check off."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def proxied(listen: str, token: str, bundle: Path, *, direct: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the variables; `listen`: the forward proxy's address, `direct`: hosts that are asked directly."""
    address = f"http://stayhand:{token}@{listen}"
    around = ",".join(dict.fromkeys((*LOOPBACK, *direct)))
    return {
        **dict.fromkeys(PROXIES, address),
        **dict.fromkeys(DIRECT, around),
        **dict.fromkeys(BUNDLES, str(bundle)),
        "NODE_USE_ENV_PROXY": "1",
    }


def without_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without anybody's proxies and without switched-off checks."""
    gone = {*PROXIES, *DIRECT, *UNSET}
    return {name: value for name, value in environ.items() if name not in gone}
