"""`[target.resolver]`: how it is looked up what an id names, with a credential of its own that only reads."""

from typing import Annotated

from pydantic import AfterValidator, Field

from firewall.settings.values import SecretRef, Section


def checked_header(text: str) -> str:
    """Return a header template: a field's name, a colon, and a value that ends in {credential}.

    Raises: ValueError.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not value.endswith("{credential}") or value.count("{") != 1:
        raise ValueError("`header` must be a field's name, a colon, and a value that ends in {credential}")
    return text


class Resolver(Section):
    """The resolver of one target."""

    credential: SecretRef
    """A credential that can read and nothing else; it must see every environment, or it cannot tell them apart."""
    header: Annotated[str, AfterValidator(lambda text: checked_header(text) if text else "")] = ""
    """The field that carries it; empty: the target's own."""
    per_minute: int = Field(default=120, ge=1, le=10_000)
    """Questions a minute, a sixth of them at once: the resolver's own limit."""
    at_once: int = Field(default=4, ge=1, le=32)
    most_ids: int = Field(default=10, ge=1, le=40)
    """Ids of one request that are looked up; what it names beyond them is unresolved."""
    timeout_s: int = Field(default=5, ge=1, le=30)
    """For all that one id takes."""
    cache_s: int = Field(default=60, ge=0, le=3600)
    """How long an answer serves reads, and denies; nothing else is ever sent on a cached answer."""
    max_answer_kib: int = Field(default=512, ge=1, le=1024)
