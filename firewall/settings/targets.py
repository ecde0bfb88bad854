"""`[[target]]`: infrastructure APIs that agents reach through us (DESIGN 6.2)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from firewall.core.target import TargetKind
from firewall.settings.resolvers import Resolver, checked_header
from firewall.settings.values import SecretRef, Section


class Target(Section):
    """An infrastructure API that agents reach through us, without holding its key."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """As it stands in `/infra/NAME/…` and in the globs of grants and policies."""
    environment: Annotated[str, Field(min_length=1)]
    """Where it leads."""
    base_url: str = ""
    """Everything before the agent's own path; may be left out for `aws`, whose hosts are known."""
    kind: TargetKind = TargetKind.REST
    credential: SecretRef
    """For `aws` JSON as a `credential_process` prints it: AccessKeyId, SecretAccessKey, perhaps SessionToken."""
    header: str = "Authorization: Bearer {credential}"
    """The header field that authenticates, with `{credential}` at its end."""
    pack: str = ""
    """Host by which the catalogue knows the API, where `base_url` names another (`backboard.railway.app`)."""
    scoped: bool = False
    """The credential reaches nothing but `environment`: the provider enforces it, you say so."""
    hosting: Literal["saas", "vpc", "self"] = "saas"
    """`vpc` and `self` may lie at private addresses."""
    raw_paths: bool = False
    """Take `%2F`, `//` and `;` in paths (registries, GitLab, S3 keys)."""
    account: str = ""
    """The AWS account behind it: project `aws/ACCOUNT` for the rows of environments.toml."""
    regions: tuple[str, ...] = ()
    """Regions of AWS that are served; none: all."""
    unsigned_payload: bool = False
    """Take bodies that an AWS client did not sign: for one that reaches us over TLS."""
    websocket: bool = False
    """Serve requests that go on as a WebSocket: `kubectl exec`, attach, port-forward."""
    websocket_idle_s: int = Field(default=300, ge=1, le=86_400)
    """How long neither side may say anything."""
    websocket_total_s: int = Field(default=3600, ge=1, le=86_400)
    """How long one may last; the token's own end comes first."""
    hold_s: int = Field(default=50, ge=0, le=3600)
    """How long a held request keeps its client waiting."""
    timeout_s: int = Field(default=60, ge=1, le=3600)
    max_body_mib: int = Field(default=8, ge=1, le=512)
    resolver: Resolver | None = None
    """How ids are looked up before they are judged; none: they stay unresolved."""

    @model_validator(mode="after")
    def _reads(self) -> "Target":
        checked_header(self.header)
        if not self.base_url and self.kind is not TargetKind.AWS:
            raise ValueError("`base_url` is needed")
        if self.kind is TargetKind.AWS and self.websocket:
            raise ValueError("`websocket` is not for targets of kind aws")
        if self.kind is not TargetKind.AWS and (self.account or self.regions or self.unsigned_payload):
            raise ValueError("`account`, `regions` and `unsigned_payload` are for targets of kind aws")
        return self
