"""`[egress]`: the forward proxy, and the hosts that it serves beside those of policies/hosts.toml (DESIGN 6.2)."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from firewall.settings.values import Address, Section

_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::[1-9][0-9]{0,4})?")
_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::[1-9][0-9]{0,4})?")


def _name(text: str) -> str:
    if not _HOST.fullmatch(text) or text.rpartition(":")[0 if ":" in text else 2].rpartition(".")[2].isdigit():
        raise ValueError(
            f"`{text}` is no host name, write for example `index.example.com` or `*.example.com:8443`"
        )
    return text


def _exact(text: str) -> str:
    if not _PLAIN.fullmatch(_name(text)):
        raise ValueError(f"`{text}` must name one host")
    return text


HostName = Annotated[str, AfterValidator(_name)]
OneHost = Annotated[str, AfterValidator(_exact)]


class EgressHost(Section):
    """Hosts of your own that agents may read from."""

    hosts: Annotated[tuple[HostName, ...], Field(min_length=1)]
    """Names, `*.suffix` for everything below one, `name:port` where it is not 443."""
    private: bool = False
    """They may lie at private addresses, and be spoken to without TLS where `plain` says so."""
    ca: str = ""
    """PEM file with the authority that proves these hosts, and no others, in place of the system's roots."""
    plain: bool = False
    """Plain http is served as well."""


class Egress(Section):
    """The forward proxy; without this section there is none."""

    listen: Address = "127.0.0.1:8789"
    """Where agents' programs find it (`HTTPS_PROXY`)."""
    host: tuple[EgressHost, ...] = ()
    """More hosts to read from."""
    tunnel: tuple[OneHost, ...] = ()
    """Hosts whose connections are passed on unseen, because their programs pin certificates. Think twice."""
    hold_s: int = Field(default=50, ge=0, le=3600)
    """How long a held request keeps its client waiting."""
    timeout_s: int = Field(default=60, ge=1, le=3600)
    """How long a host may take until its answer begins."""
    max_body_mib: int = Field(default=8, ge=1, le=512)
    """Larger requests are refused with 413."""

    @model_validator(mode="after")
    def _apart(self) -> "Egress":
        served = {name for row in self.host for name in row.hosts}
        both = served & set(self.tunnel)
        if both:
            raise ValueError(f"`{min(both)}` is served and tunnelled: choose one")
        return self
