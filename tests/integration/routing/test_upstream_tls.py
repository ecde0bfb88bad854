"""The carrier over TLS: only a provider that can prove its name is spoken to."""

import asyncio
import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firewall.core.errors import UpstreamError, UpstreamFault
from firewall.core.secret import Secret
from firewall.routing.port import Credential, Endpoint, UpstreamRequest
from firewall.routing.upstream import HttpUpstream
from tests.support.provider import whole


def _certificate(folder: Path, name: str, *, days: int = 1) -> Path:
    """Write a self-signed certificate with its key for `localhost` names; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}{days}.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return file


async def _ask(certificate: Path, carrier: HttpUpstream) -> tuple[bytes, list[bytes]]:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(whole(b"{}", "Connection: close"))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        request = UpstreamRequest("GET", "/v1/models", credential=Credential("x-api-key", Secret("sk-canary")))
        endpoint = Endpoint("self", f"https://localhost:{port}", private=True)
        async with await carrier.open(endpoint, request) as got:
            return await got.read(100), heard
    finally:
        await carrier.close()
        server.close()


async def test_a_known_authority_is_believed(tmp_path: Path) -> None:
    """With its authority configured, a provider is spoken to over TLS."""
    file = _certificate(tmp_path, "localhost")
    body, heard = await _ask(file, HttpUpstream(ca_file=file))
    assert body == b"{}"
    assert b"sk-canary" in heard[0]


@pytest.mark.parametrize(
    ("name", "days", "known"), [("localhost", 1, False), ("other.example", 1, True), ("localhost", -1, True)]
)
async def test_nobody_else_gets_the_key(tmp_path: Path, name: str, days: int, *, known: bool) -> None:
    """An unknown authority, another name or an expired certificate ends the exchange before the key is sent."""
    file = _certificate(tmp_path, name, days=days)
    with pytest.raises(UpstreamError, match="who it is") as caught:
        await _ask(file, HttpUpstream(ca_file=file if known else None))
    assert caught.value.fault is UpstreamFault.UNAVAILABLE
