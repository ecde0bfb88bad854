"""What the forward proxy adds to a request on a kept-alive TLS connection, beside one made directly."""

import http.client
import ssl
import statistics
import time
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.bench.processes import Measured
from tests.support.certificates import certificate
from tests.support.installation import install, serving
from tests.support.upstreams import proxy_of, served_over_tls

REQUESTS = 300
_WARM = 50
_SETTINGS = """
[egress]
listen = "127.0.0.1:0"

[[egress.host]]
hosts = ["localhost:{port}"]
private = true
ca = "{pem}"
"""


def added_ms(folder: Path) -> tuple[float, float, float]:
    """Return the median of what is added and the median without the proxy, ms; and processor time for each, us."""
    pem = certificate(folder, "localhost")
    answer = Starlette(routes=[Route("/{path:path}", lambda _: JSONResponse({"ok": True}))])
    with served_over_tls(answer, pem) as port:
        installed = install(folder / "house", settings=_SETTINGS.format(port=port, pem=pem))
        with serving(installed) as running:
            handout = httpx.get(f"{running.control}/api/egress", headers=running.admin, trust_env=False).json()
            token = running.mint(max_requests_per_minute=1_000_000)
            proxied = _connection(str(handout["bundle"]), urlsplit(proxy_of(running)).netloc)
            proof = b64encode(f"stayhand:{token}".encode()).decode()
            proxied.set_tunnel("localhost", port, {"Proxy-Authorization": f"Basic {proof}"})
            direct = _connection(pem.read_text(), f"localhost:{port}")
            server = Measured("stayhand", running.process.pid, 0)
            for _ in range(_WARM):
                _ms(direct)
                _ms(proxied)
            before = server.cpu_us()
            # One after the other in turn, so that whatever else the machine does counts on both sides.
            pairs = [(_ms(direct), _ms(proxied)) for _ in range(REQUESTS)]
            cost = (server.cpu_us() - before) / REQUESTS
    plain = statistics.median(one for one, _ in pairs)
    return statistics.median(two for _, two in pairs) - plain, plain, cost


def _connection(authorities: str, address: str) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cadata=authorities)
    return http.client.HTTPSConnection(address, context=context, timeout=30)


def _ms(connection: http.client.HTTPSConnection) -> float:
    begun = time.perf_counter()
    connection.request("GET", "/simple/pip/", headers={"accept": "application/json"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: nothing was measured")
    return (time.perf_counter() - begun) * 1000
