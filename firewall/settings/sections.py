"""The sections of `stayhand.toml` about the installation itself (DESIGN 6.2)."""

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from firewall.core.absence import Absence
from firewall.settings.values import Address, Duration, OptionalAddress, OptionalDuration, SecretRef, Section


class Server(Section):
    """The two listeners."""

    listen: Address = "127.0.0.1:8787"
    """Where agents connect."""
    control_listen: Address = "127.0.0.1:8788"
    """Where approvers, the console, administration and metrics are."""
    public_url: str = "http://localhost:8788"
    """The control side as approvers reach it."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose forwarding headers are believed."""
    data_dir: str = ""
    """Log, keys and approvals; default `$XDG_STATE_HOME/stayhand`, mode 0700."""
    tls_listen: OptionalAddress = ""
    """A second address for agents, with TLS: `kubectl` sends no token without. Needs `tls_cert` and `tls_key`."""
    tls_cert: str = ""
    """PEM file: the certificate with its chain."""
    tls_key: str = ""
    """PEM file: its key."""
    allowed_hosts: tuple[str, ...] = ()
    """More Host names that the agents' listener answers to, besides loopback names and `listen`."""

    @model_validator(mode="after")
    def _apart(self) -> "Server":
        port = self.listen.rpartition(":")[2]
        if port != "0" and port == self.control_listen.rpartition(":")[2]:
            raise ValueError("agents and approvers must not share a port: change `listen` or `control_listen`")
        if bool(self.tls_listen) != bool(self.tls_cert and self.tls_key):
            raise ValueError("`tls_listen`, `tls_cert` and `tls_key` go together")
        return self


class Models(Section):
    """The models gate."""

    on_refusal: Literal["explain", "continue"] = "explain"
    """What becomes of a refused call: `explain` puts a text in its place; `continue` tells the model, where every
    call of an answer was refused and it may speak instead, and its next words belong to the same answer."""
    hold_s: int = Field(default=120, ge=1, le=3600)
    """How long a held call keeps its client waiting, at most; the client's own tolerance may be less."""
    max_body_mib: int = Field(default=32, ge=1, le=512)
    """Larger requests are refused with 413."""


class Hooks(Section):
    """The hooks gate."""

    hold_s: int = Field(default=0, ge=0, le=300)
    """How long a held call keeps its hook waiting, at most, where that says that it bears it (`?wait=`); 0: a held
    call is denied at once, with the approval's id."""
    expected: tuple[Literal["claude-code", "codex", "gemini", "opencode"], ...] = ()
    """Agents whose hooks must be heard: `hook.silent` is recorded where their calls pass without. Where they were
    heard once of an agent and owner, they are expected from then on."""


class BreakGlassSettings(Section):
    """Who may approve alone what would need people who are not there (docs/approvals.md)."""

    people: tuple[str, ...] = ()
    """Names of approvers."""
    groups: tuple[str, ...] = ()
    """Groups whose own members may; what is lent does not count."""
    per_day: int = Field(default=1, ge=1, le=20)
    """Uses of one person within 24 hours."""
    cool_down: OptionalDuration = 3600
    """Between two uses of one person."""
    min_reason: int = Field(default=20, ge=10, le=200)
    """Characters of the reason, at least."""
    remind: Duration = Field(default=14_400, ge=600)
    """How often people are told again of a use that nobody reviewed, at least 10 minutes apart."""

    @model_validator(mode="after")
    def _names_somebody(self) -> "BreakGlassSettings":
        if not any(self.people) and not any(self.groups):
            raise ValueError("`[approvals.break_glass]` names nobody: `people` or `groups`, or leave it out")
        return self


class ApprovalSettings(Section):
    """How people's answers are kept."""

    ttl: Duration = 1800
    """From opening to decision."""
    use_within: Duration = 600
    """From decision to use."""
    solo: bool = False
    """The owner may approve his own agent outside production, and where something is named so, outside what may be
    production; recorded as self_approved."""
    max_pending: int = Field(default=20, ge=1, le=1000)
    """Approvals that one agent may have waiting."""
    max_pending_per_session: int = Field(default=10, ge=1, le=1000)
    """Approvals that one session of an agent may have waiting, where its client names sessions."""
    cool_down: OptionalDuration = 300
    """How long a denial answers identical repeats, with its id and reason, instead of people being asked anew;
    `0s`: not at all."""
    break_glass: BreakGlassSettings | None = None
    """Who may approve alone what would need more people; without it nobody may."""


class AuditSettings(Section):
    """The log."""

    witness: tuple[str, ...] = ()
    """Files that keep old heads of the log, somewhere else."""
    subject: Literal["owner"] = "owner"
    """Whose key seals a body."""
    keystore_key: SecretRef | None = None
    """Wraps the subject keys; default: keystore.key beside this file."""


class VaultSettings(Section):
    """Real credentials at rest (docs/credentials.md)."""

    key: SecretRef | None = None
    """What the vault is sealed with, from a file or a command; default: vault.key beside this file."""

    @model_validator(mode="after")
    def _outside(self) -> "VaultSettings":
        if self.key is not None and not (self.key.file or self.key.command):
            raise ValueError("the vault's key comes from a file or a command")
        return self


class PolicySettings(Section):
    """Where the policies are."""

    dir: str = "policies"
    """Relative to the configuration file."""


class ApproverSettings(Section):
    """Somebody who decides; the passphrase is set by `stayhand approver add`."""

    name: str
    """As `stayhand approver add` was told it."""
    email: str = ""
    """Means the same person where an agent's owner is named so, or an OpenID provider says that it is verified."""
    subject: str = ""
    """Their `sub` at the OpenID provider; where it is set, no address stands for them there."""
    groups: tuple[str, ...] = ()
    """Groups that rows may ask for, beside those of `stayhand approver add`."""
    role: Literal["", "viewer", "approver", "auditor", "admin"] = ""
    """What they may do: look (`viewer`), look and read the log (`auditor`), decide (`approver`), or all (`admin`).
    Empty: as `stayhand approver add --role` said; a role here counts in place of that from the next start."""
    slack: str = Field(default="", pattern=r"^([UW][A-Z0-9]{2,30})?$")
    """His member id in Slack (`U…`), where he presses buttons."""
    delegate: str = ""
    """Another approver, who may speak for these groups until `until`."""
    away: bool = False
    """Not to be told of what waits, until `until`."""
    until: AwareDatetime | None = None
    """When `delegate` and `away` end: a date with a time and an offset, `2026-12-24T18:00:00Z`."""

    @model_validator(mode="after")
    def _ends(self) -> "ApproverSettings":
        if bool(self.delegate or self.away) is not (self.until is not None):
            raise ValueError("`delegate` and `away` need `until`, and `until` one of them: what is lent ends")
        if self.delegate == self.name:
            raise ValueError("`delegate` names somebody else")
        return self

    @property
    def absence(self) -> Absence | None:
        """What is noted of him; None: nothing."""
        if self.until is None:
            return None
        end = int(self.until.timestamp()) * 1_000_000
        return Absence(self.name, self.delegate, self.away, until=end)
