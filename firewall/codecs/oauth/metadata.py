"""Metadata documents: what an authorization server says about itself, and a resource about its issuers.

RFC 8414, OpenID Connect Discovery 1.0, RFC 9728. INVARIANT: a document that does not name exactly the issuer or
the resource that it was asked for is not used.
"""

from dataclasses import dataclass

from firewall.core import strict_json
from firewall.core.errors import ProtocolError

MOST_BYTES = 256 * 1024
_MOST_NAMES = 256


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """What an authorization server says about itself; empty: nothing was said."""

    issuer: str
    jwks_uri: str = ""
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    registration_endpoint: str = ""
    scopes: tuple[str, ...] = ()
    challenges: tuple[str, ...] = ()
    """`code_challenge_methods_supported`."""
    authentications: tuple[str, ...] = ()
    """`token_endpoint_auth_methods_supported`."""
    says_issuer: bool = False
    """It writes `iss` into its answers (RFC 9207)."""
    takes_documents: bool = False
    """The id of a client may be the address of its metadata."""


@dataclass(frozen=True, slots=True)
class ResourceMetadata:
    """What a protected resource says about itself."""

    resource: str
    issuers: tuple[str, ...]
    scopes: tuple[str, ...] = ()


def server_of(raw: bytes, issuer: str) -> ServerMetadata:
    """Read the metadata of an issuer. Raises: ProtocolError (upstream) where it is another's, or unreadable."""
    found = _object(raw)
    if found.get("issuer") != issuer:
        raise _bad(f"it speaks for another issuer than `{issuer}`")
    return ServerMetadata(
        issuer=issuer,
        jwks_uri=_text(found, "jwks_uri"),
        authorization_endpoint=_text(found, "authorization_endpoint"),
        token_endpoint=_text(found, "token_endpoint"),
        registration_endpoint=_text(found, "registration_endpoint"),
        scopes=_texts(found, "scopes_supported"),
        challenges=_texts(found, "code_challenge_methods_supported"),
        authentications=_texts(found, "token_endpoint_auth_methods_supported"),
        says_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        takes_documents=found.get("client_id_metadata_document_supported") is True,
    )


def resource_of(raw: bytes, *resources: str) -> ResourceMetadata:
    """Read the metadata of a resource, which must be one of these.

    Raises: ProtocolError (upstream) where it is another's, names no issuer, or is unreadable.
    """
    found = _object(raw)
    resource = _text(found, "resource")
    if resource not in resources:
        raise _bad("it speaks for another resource")
    issuers = _texts(found, "authorization_servers")
    if not issuers:
        raise _bad("it names no authorization server")
    return ResourceMetadata(resource, issuers, _texts(found, "scopes_supported"))


def _object(raw: bytes) -> dict[str, object]:
    if len(raw) > MOST_BYTES:
        raise _bad("it is too large")
    try:
        return strict_json.loads_object(raw, what="metadata")
    except ProtocolError as error:
        raise _bad(error.public) from error


def _text(found: dict[str, object], name: str) -> str:
    value = found.get(name, "")
    if not isinstance(value, str):
        raise _bad(f"`{name}` is no text")
    return value


def _texts(found: dict[str, object], name: str) -> tuple[str, ...]:
    value = found.get(name, [])
    if not isinstance(value, list) or len(value) > _MOST_NAMES or not all(isinstance(one, str) for one in value):
        raise _bad(f"`{name}` is no list of texts")
    return tuple(value)


def _bad(why: str) -> ProtocolError:
    return ProtocolError(
        f"the OAuth metadata cannot be used: {why}", code="oauth_metadata_invalid", side="upstream"
    )
