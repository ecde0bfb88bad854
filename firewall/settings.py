"""`stayhand.toml` as one frozen model (DESIGN 6.2).

Nested keys can be set from the environment as `STAYHAND_SERVER__LISTEN`. Secrets are references only
(`{ env = "…" }`, `{ file = "…" }`, `{ command = ["…"] }`), never values. A section that this version cannot
enforce is refused by name instead of being silently ignored.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from firewall.core.complaints import complaints
from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError
from firewall.core.target import TargetKind

NOT_YET = {
    "route": "routes choose between providers in a later version",
    "mcp_server": "the MCP gate comes in a later version",
    "budget": "budgets come in a later version",
    "egress": "the egress gate comes in a later version",
}
_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: object) -> int:
    """Read a duration such as `30m` or `8h` as seconds; a bare integer is seconds.

    Raises: ValueError for anything else.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    found = _DURATION.fullmatch(str(text))
    if found is None:
        raise ValueError(f"`{text}` is no duration, write for example `30m` or `8h`")
    return int(found[1]) * _UNIT_S[found[2]]


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"`{text}` is no address, write for example `127.0.0.1:8787`")
    return text


Duration = Annotated[int, BeforeValidator(seconds), Field(ge=1, le=31_536_000)]
Address = Annotated[str, AfterValidator(_address)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class SecretRef(_Section):
    """Where a secret is found; exactly one of the three."""

    env: str = ""
    """Name of an environment variable."""
    file: str = ""
    """Path of a file; its last newline is dropped."""
    command: tuple[str, ...] = ()
    """A program and its arguments; what it prints is the secret."""

    @model_validator(mode="after")
    def _one(self) -> "SecretRef":
        if sum(map(bool, (self.env, self.file, self.command))) != 1:
            raise ValueError("name exactly one of env, file, command")
        return self


class Server(_Section):
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
    tls_listen: Annotated[str, AfterValidator(lambda text: _address(text) if text else "")] = ""
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


class Models(_Section):
    """The models gate."""

    on_refusal: Literal["explain"] = "explain"
    """What stands in the place of a refused call. `continue` comes with routing."""
    hold_s: int = Field(default=120, ge=1, le=3600)
    """How long a held call keeps its client waiting, at most; the client's own tolerance may be less."""
    max_body_mib: int = Field(default=32, ge=1, le=512)
    """Larger requests are refused with 413."""


class ApprovalSettings(_Section):
    """How people's answers are kept."""

    ttl: Duration = 1800
    """From opening to decision."""
    use_within: Duration = 600
    """From decision to use."""
    solo: bool = False
    """The owner may approve his own agent outside production; recorded as self_approved."""
    max_pending: int = Field(default=20, ge=1, le=1000)
    """Approvals that one agent may have waiting."""


class AuditSettings(_Section):
    """The log."""

    witness: tuple[str, ...] = ()
    """Files that keep old heads of the log, somewhere else."""
    subject: Literal["owner"] = "owner"
    """Whose key seals a body."""
    keystore_key: SecretRef | None = None
    """Wraps the subject keys; default: keystore.key beside this file."""


class Storage(_Section):
    """Where state is kept."""

    url: Literal[""] = ""
    """Empty: SQLite in data_dir. Other stores come with scale-out."""
    shared: Literal[""] = ""


class PolicySettings(_Section):
    """Where the policies are."""

    dir: str = "policies"
    """Relative to the configuration file."""


class Provider(_Section):
    """Somebody who answers model calls."""

    name: str
    dialect: Dialect
    base_url: str
    """As the dialect's SDK takes it: OpenAI with /v1, Anthropic and Gemini without a version."""
    api_key: SecretRef | Literal["client"]
    """A reference, or `client`: the agent's own login passes to this provider only."""
    region: str = ""
    hosting: Literal["saas", "vpc", "self"] = "saas"
    timeout_s: int = Field(default=600, ge=1)
    first_token_timeout_s: int = Field(default=30, ge=1)


class Target(_Section):
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
    hold_s: int = Field(default=50, ge=0, le=3600)
    """How long a held request keeps its client waiting."""
    timeout_s: int = Field(default=60, ge=1, le=3600)
    max_body_mib: int = Field(default=8, ge=1, le=512)

    @model_validator(mode="after")
    def _reads(self) -> "Target":
        name, colon, value = self.header.partition(":")
        if not colon or not name.strip() or not value.endswith("{credential}") or value.count("{") != 1:
            raise ValueError("`header` must be a field's name, a colon, and a value that ends in {credential}")
        if not self.base_url and self.kind is not TargetKind.AWS:
            raise ValueError("`base_url` is needed")
        if self.kind is not TargetKind.AWS and (self.account or self.regions or self.unsigned_payload):
            raise ValueError("`account`, `regions` and `unsigned_payload` are for targets of kind aws")
        return self


class ApproverSettings(_Section):
    """Somebody who decides; the passphrase is set by `stayhand approver add`."""

    name: str
    email: str = ""
    groups: tuple[str, ...] = ()


class Notify(_Section):
    """A channel that tells people that something waits."""

    kind: Literal["terminal", "webhook"]
    url: SecretRef | str = ""
    secret: SecretRef | None = None
    """Signs webhook bodies (HMAC-SHA256)."""


class Settings(_Section):
    """Everything in `stayhand.toml`."""

    server: Server = Server()
    models: Models = Models()
    approvals: ApprovalSettings = ApprovalSettings()
    audit: AuditSettings = AuditSettings()
    storage: Storage = Storage()
    policy: PolicySettings = PolicySettings()
    provider: tuple[Provider, ...] = ()
    target: tuple[Target, ...] = ()
    approver: tuple[ApproverSettings, ...] = ()
    notify: tuple[Notify, ...] = (Notify(kind="terminal"),)
    path: str = ""
    """The file that this came from; set by `load_settings`."""

    @property
    def folder(self) -> Path:
        """The folder of the configuration file."""
        return Path(self.path).parent

    def anchored(self, path: str) -> Path:
        """Return a path as the configuration means it: `~` is the home folder, a relative one starts beside it."""
        return self.folder / Path(path).expanduser()

    @property
    def witness(self) -> tuple[str, ...]:
        """Files and addresses of witnesses; relative files start beside the configuration."""
        return tuple(one if "://" in one else str(self.anchored(one)) for one in self.audit.witness)

    @property
    def _secret_refs(self) -> tuple[SecretRef, ...]:
        refs: list[object] = [self.audit.keystore_key]
        refs += [one.api_key for one in self.provider]
        refs += [one.credential for one in self.target]
        refs += [ref for one in self.notify for ref in (one.url, one.secret)]
        return tuple(ref for ref in refs if isinstance(ref, SecretRef))

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Files that hold secrets of ours by reference."""
        files = [ref.file for ref in self._secret_refs if ref.file]
        keys = [str(self.anchored(self.server.tls_key))] if self.server.tls_key else []
        return tuple(Path(file).expanduser().absolute() for file in [*files, *keys])

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """Environment variables that hold secrets of ours by reference."""
        return tuple(ref.env for ref in self._secret_refs if ref.env)

    @property
    def data_dir(self) -> Path:
        """Where log and keys are."""
        return self.anchored(self.server.data_dir) if self.server.data_dir else default_data_dir()

    @property
    def policy_dir(self) -> Path:
        """Where the policies are."""
        return self.folder / self.policy.dir

    @property
    def database(self) -> Path:
        """The one database file: log, approvals, tokens."""
        return self.data_dir / "stayhand.db"

    @property
    def signing_key(self) -> Path:
        """The key that signs the log's heads."""
        return self.data_dir / "log.key"

    @property
    def keystore(self) -> Path:
        """The wrapped keys that seal what concerns people."""
        return self.data_dir / "keystore.db"

    @property
    def keystore_key(self) -> Path:
        """The file of the key that wraps them; never in data_dir."""
        ref = self.audit.keystore_key
        return self.anchored(ref.file) if ref and ref.file else self.folder / "keystore.key"

    @property
    def verify_key(self) -> Path:
        """The public key that auditors pin, beside the configuration."""
        return self.folder / "verify.key"


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$XDG_STATE_HOME/stayhand`, or its default under the home folder."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local/state")
    return Path(base) / "stayhand"


def default_config_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$XDG_CONFIG_HOME/stayhand`, or its default under the home folder."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".config")
    return Path(base) / "stayhand"


def find_settings(given: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Find the configuration: as given, `STAYHAND_CONFIG`, `./stayhand.toml`, the user's configuration folder.

    Raises: ConfigError when there is none.
    """
    named = given or environ.get("STAYHAND_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    for candidate in (Path("stayhand.toml"), default_config_dir(environ) / "stayhand.toml"):
        if candidate.is_file():
            return candidate.absolute()
    raise ConfigError("there is no stayhand.toml", hint="run `stayhand init`, or name one with --config")


def load_settings(given: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and validate the configuration.

    Raises: ConfigError naming the file and the key.
    """
    path = find_settings(given, environ)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read `{path}`", file=str(path), detail=str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"`{path}` is not valid TOML: {error}", file=str(path)) from error
    for section, why in NOT_YET.items():
        if section in table:
            raise ConfigError(
                f"`{section}` in `{path}` would not be enforced: {why}", file=str(path), hint=f"remove `{section}`"
            )
    _from_environment(table, environ)
    table["path"] = str(path)
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        where, what = complaints(error)[0]
        raise ConfigError(f"`{where}` in `{path}` {what}", file=str(path)) from error


def _from_environment(table: dict[str, object], environ: Mapping[str, str]) -> None:
    """Put `STAYHAND_SECTION__KEY` into the table.

    Raises: ConfigError for a section that is none: a setting that is silently ignored protects nobody.
    """
    sections = set(Settings.model_fields) - {"provider", "target", "approver", "notify", "path"}
    for name, value in sorted(environ.items()):
        section, found, key = name.removeprefix("STAYHAND_").partition("__")
        if not name.startswith("STAYHAND_") or not found:
            continue
        if section.lower() not in sections:
            known = ", ".join(sorted(sections))
            raise ConfigError(f"the variable `{name}` sets nothing", hint=f"sections are {known}")
        target = table.setdefault(section.lower(), {})
        if isinstance(target, dict):
            target[key.lower()] = _value(section.lower(), key.lower(), value)


def _value(section: str, key: str, text: str) -> object:
    """Read an environment value: lists are comma-separated, everything else is text for pydantic to read."""
    model = Settings.model_fields[section].annotation
    field = model.model_fields.get(key) if isinstance(model, type) and issubclass(model, BaseModel) else None
    if field is not None and "tuple" in str(field.annotation):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
