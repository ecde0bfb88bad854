"""The certificate authority of one process: short-lived, constrained to the hosts that are served, in memory only.

Its keys are made at start, never written and never leave; what clients get is a bundle file with certificates. An
authority signs for `SIGNS_S` and lives less than a day; the bundle names those of the coming day as well, so a
client that is started now (its token lives a day at most) needs no new bundle. Specs: RFC 5280, 4.2.1.10.
"""

import datetime as dt
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firewall.core.errors import ConfigError
from firewall.core.ports import Clock

SIGNS_S = 12 * 3600
"""How long one authority signs before the next takes over."""
AHEAD = 2
"""How many of the coming ones stand in the bundle: together they outlive every token of an agent."""
_SKEW_S = 3600
"""Clocks of clients may be wrong by this much."""
_CONTEXTS = 512
_PEM = serialization.Encoding.PEM


@dataclass(slots=True)
class _Root:
    """One authority: its key, its certificate, and what it has signed."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)

    @property
    def pem(self) -> str:
        """The certificate as PEM text."""
        return self.certificate.public_bytes(_PEM).decode("ascii")


class Authority:
    """Makes the certificates with which the forward proxy proves the hosts that it serves."""

    def __init__(self, names: Sequence[str], clock: Clock) -> None:
        """`names`: the hosts, `*.suffix` for everything below one.

        Raises: ConfigError where there are none: an authority without constraints is not made.
        """
        if not names:
            raise ConfigError("the egress gate has no host to serve", hint="list hosts in policies/hosts.toml")
        self._names = tuple(sorted({name.removeprefix("*.") for name in names}))
        self._clock = clock
        self._begun_s = self._now_s()
        self._roots: dict[int, _Root] = {}

    def covers(self, host: str) -> bool:
        """Tell whether its constraints let it speak for a host."""
        return any(host == name or host.endswith(f".{name}") for name in self._names)

    def bundle(self) -> str:
        """Return the certificates that a client of the coming day needs, as PEM text."""
        now = self._turn()
        return "".join(self._root(turn).pem for turn in range(now, now + AHEAD + 1))

    def expires_at(self) -> dt.datetime:
        """Return until when the bundle of now is enough."""
        return dt.datetime.fromtimestamp(self._begun_s + (self._turn() + AHEAD + 1) * SIGNS_S, dt.UTC)

    def context(self, host: str) -> ssl.SSLContext:
        """Return what a connection for a host is served with; a client that names another host is turned away.

        Raises: ConfigError for a host beyond the constraints.
        """
        if not self.covers(host):
            raise ConfigError(f"the host `{host}` was allowed after the start", hint="restart the server")
        root = self._root(self._turn())
        context = root.contexts.get(host)
        if context is None:
            if len(root.contexts) >= _CONTEXTS:
                root.contexts.clear()
            context = root.contexts[host] = _context(root, host)
        return context

    def _now_s(self) -> int:
        return self._clock.now_us() // 1_000_000

    def _turn(self) -> int:
        return max(0, (self._now_s() - self._begun_s) // SIGNS_S)

    def _root(self, turn: int) -> _Root:
        root = self._roots.get(turn)
        if root is None:
            starts_s = self._begun_s + turn * SIGNS_S
            root = self._roots[turn] = _new_root(self._names, starts_s)
            for old in [known for known in self._roots if known < self._turn()]:
                del self._roots[old]
        return root


def _new_root(names: Sequence[str], starts_s: int) -> _Root:
    key = ec.generate_private_key(ec.SECP256R1())
    begins = dt.datetime.fromtimestamp(starts_s - _SKEW_S, dt.UTC)
    ends = dt.datetime.fromtimestamp(starts_s + SIGNS_S + _SKEW_S, dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Stayhand egress {begins:%Y-%m-%d %H:%M}")])
    every = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.NameConstraints(
                permitted_subtrees=[x509.DNSName(name) for name in names],
                excluded_subtrees=[x509.IPAddress(network) for network in every],
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    return _Root(key, certificate)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _leaf(root: _Root, host: str) -> bytes:
    """Return a key of its own and a certificate for one host, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(root.certificate.not_valid_before_utc)
        .not_valid_after(root.certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(_PEM)


def _context(root: _Root, host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    _load(context, _leaf(root, host))

    def named(_: ssl.SSLObject | ssl.SSLSocket, name: str | None, __: ssl.SSLContext) -> int | None:
        # INVARIANT: the name in the handshake is the one that CONNECT asked for, and it is always given.
        return None if (name or "").lower() == host else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = named
    return context


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Give key and certificate to OpenSSL, which takes files only: one that lies in memory, where there are."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("stayhand-leaf", os.MFD_CLOEXEC)
        try:
            os.write(handle, pem)
            context.load_cert_chain(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)
        return
    with tempfile.NamedTemporaryFile() as file:  # 0600, and gone again at once; the authority's key is never in it
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
