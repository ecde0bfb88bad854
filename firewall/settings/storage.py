"""`[storage]`: where state is kept, and what processes share."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from firewall.settings.values import SecretRef, Section


class Storage(Section):
    """Where state is kept."""

    url: Literal[""] = ""
    """Empty: SQLite in data_dir. Other stores come with scale-out."""
    shared: str = ""
    """Redis where several Stayhands tell each other whom to leave alone: `redis://[user@]host[:port][/database]`,
    or `rediss://` over TLS. Empty: each knows for itself."""
    shared_password: SecretRef | None = None
    """From a variable, a file or a command."""
    shared_roots: str = ""
    """File with the authorities that its certificate may come from; empty: the system's."""
    shared_prefix: str = "stayhand"
    """What its keys begin with; one for those that share."""

    @model_validator(mode="after")
    def _whole(self) -> "Storage":
        if not self.shared:
            if self.shared_password or self.shared_roots:
                raise ValueError("`shared_password` and `shared_roots` mean nothing without `shared`")
            return self
        self._address_fits()
        if self.shared_password is not None and self.shared_password.vault:
            raise ValueError("`shared_password` comes from a variable, a file or a command")
        if not self.shared_prefix.replace("-", "").isalnum() or not self.shared_prefix.isascii():
            raise ValueError("`shared_prefix` is made of letters, digits and `-`")
        return self

    def _address_fits(self) -> None:
        url = urlsplit(self.shared)
        if url.scheme not in ("redis", "rediss") or not url.hostname:
            raise ValueError("`shared` is an address as `redis://host:6379` or `rediss://host:6379/0`")
        if url.password is not None:
            raise ValueError("a password stands in `shared_password`, by reference, never in `shared`")
        if url.query or url.fragment:
            raise ValueError("`shared` takes no options")
        if url.path.strip("/") and not url.path.strip("/").isdigit():
            raise ValueError("after the host of `shared` stands the number of a database, or nothing")
        if self.shared_roots and url.scheme != "rediss":
            raise ValueError("`shared_roots` is for `rediss://`")
        _ = url.port  # raises ValueError for what is no port
