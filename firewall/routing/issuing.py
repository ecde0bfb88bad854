"""What clients of authorization servers share: metadata, proving oneself at a token endpoint, PKCE."""

import base64
import hashlib
from urllib.parse import quote

from firewall.codecs.oauth.metadata import ServerMetadata, server_of
from firewall.codecs.oauth.places import issuer_metadata
from firewall.core.errors import ProtocolError, UpstreamError
from firewall.core.secret import Secret
from firewall.routing.documents import Documents, Ground
from firewall.routing.port import Credential


async def metadata_of(issuer: str, documents: Documents, ground: Ground) -> ServerMetadata:
    """Return what an issuer says about itself, from the first place where it stands.

    Raises: UpstreamError, ProtocolError for a document that is not this issuer's.
    """
    failure: UpstreamError | ProtocolError | None = None
    for url in issuer_metadata(issuer):
        try:
            return server_of(await documents.document(url, ground), issuer)
        except (UpstreamError, ProtocolError) as error:
            failure = failure or error
    raise failure or RuntimeError("an issuer has no place for its metadata")


def authentication_for(supported: tuple[str, ...], secret: Secret, asked: str = "") -> str:
    """Return how a client with this secret proves itself; `asked`: what a registration said."""
    if not secret:
        return "none"
    if asked in ("client_secret_basic", "client_secret_post"):
        return asked
    basic = not supported or "client_secret_basic" in supported
    return "client_secret_basic" if basic else "client_secret_post"


def client_proof(
    client: str, secret: Secret, authentication: str
) -> tuple[Credential | None, list[tuple[str, str]]]:
    """Return how a client proves itself at a token endpoint: a header field, and fields of the form (RFC 6749)."""
    if authentication == "client_secret_basic" and secret:
        pair = f"{quote(client, safe='')}:{quote(secret.reveal(), safe='')}"
        return Credential("authorization", Secret(base64.b64encode(pair.encode()).decode()), "Basic "), []
    form = [("client_id", client)]
    return None, [*form, ("client_secret", secret.reveal())] if secret else form


def s256(verifier: str) -> str:
    """Return the code challenge of a verifier (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
