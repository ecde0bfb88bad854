"""Documents that strangers' metadata names: fetched from where a server may be, and from nowhere else."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from firewall.core.errors import UpstreamError
from firewall.gates.edge.server import Listener, serving
from firewall.routing.documents import MOST_BYTES, Documents, Ground, ground_of
from firewall.routing.upstream import HttpUpstream

LOCAL = Ground(private=True, loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1:1/x",
        "https://10.0.0.1/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://inside.example/x",
        "http://public.example/x",
        "https://public.example/../x",
        "ftp://public.example/x",
    ],
)
async def test_addresses_inside_are_not_asked(url: str) -> None:
    """Private, loopback and metadata addresses, also behind a name; no http, no odd path."""

    async def lookup(host: str, port: int) -> list[str]:
        del port
        return ["10.1.2.3" if host == "inside.example" else "203.0.113.9"]

    upstream = HttpUpstream(lookup=lookup)
    try:
        with pytest.raises(UpstreamError):
            await Documents(upstream).get(url, Ground())
    finally:
        await upstream.close()


def test_the_ground_is_what_was_configured() -> None:
    """Loopback is spoken to where loopback was configured; `vpc` may lie at private addresses, over https."""
    assert ground_of("https://a.example/mcp", "saas") == Ground()
    assert ground_of("http://127.0.0.1:8080/mcp", "saas") == LOCAL
    assert ground_of("https://inside.example/mcp", "vpc") == Ground(private=True)


async def test_documents_are_bounded_and_redirects_end() -> None:
    """More bytes than metadata has, another status and a redirect are errors that name the host alone."""

    async def large(_: Request) -> Response:
        return Response(b" " * (MOST_BYTES + 1))

    async def away(_: Request) -> Response:
        return RedirectResponse("http://127.0.0.1:1/")

    async def missing(_: Request) -> Response:
        return Response(status_code=404)

    app = Starlette(routes=[Route("/large", large), Route("/away", away), Route("/missing", missing)])
    upstream = HttpUpstream()
    try:
        async with serving([Listener(app, "127.0.0.1", 0)], drain_s=1) as served:
            for path in ("large", "away", "missing"):
                with pytest.raises(UpstreamError):
                    await Documents(upstream).document(f"http://127.0.0.1:{served.ports[0]}/{path}", LOCAL)
    finally:
        await upstream.close()
