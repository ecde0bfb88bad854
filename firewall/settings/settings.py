"""`stayhand.toml` as one frozen model (DESIGN 6.2).

Secrets are references only (`{ env = "…" }`, `{ file = "…" }`, `{ command = ["…"] }`), never values.
"""

from pathlib import Path

from pydantic import model_validator

from firewall.core.budget import Scope
from firewall.core.grant import matches
from firewall.settings.budgets import Budget, Rate, SpendSettings
from firewall.settings.egress import Egress
from firewall.settings.folders import default_data_dir
from firewall.settings.mcp import McpServer
from firewall.settings.notify import Notify
from firewall.settings.oauth import OAuth, OAuthIssuer
from firewall.settings.oidc import OpenIdProvider
from firewall.settings.providers import Provider
from firewall.settings.routes import Route
from firewall.settings.sections import (
    ApprovalSettings,
    ApproverSettings,
    AuditSettings,
    Hooks,
    Models,
    PolicySettings,
    Server,
    VaultSettings,
)
from firewall.settings.storage import Storage
from firewall.settings.targets import Target
from firewall.settings.values import SecretRef, Section
from firewall.settings.watching import TelemetrySettings


class Settings(Section):
    """Everything in `stayhand.toml`."""

    server: Server = Server()
    models: Models = Models()
    hooks: Hooks = Hooks()
    approvals: ApprovalSettings = ApprovalSettings()
    audit: AuditSettings = AuditSettings()
    storage: Storage = Storage()
    policy: PolicySettings = PolicySettings()
    vault: VaultSettings = VaultSettings()
    spend: SpendSettings = SpendSettings()
    provider: tuple[Provider, ...] = ()
    route: tuple[Route, ...] = ()
    budget: tuple[Budget, ...] = ()
    rate: tuple[Rate, ...] = ()
    target: tuple[Target, ...] = ()
    mcp_server: tuple[McpServer, ...] = ()
    oauth: OAuth = OAuth()
    oauth_issuer: tuple[OAuthIssuer, ...] = ()
    approver: tuple[ApproverSettings, ...] = ()
    oidc: OpenIdProvider | None = None
    notify: tuple[Notify, ...] = (Notify(kind="terminal"),)
    egress: Egress | None = None
    telemetry: TelemetrySettings = TelemetrySettings()
    path: str = ""
    """The file that this came from; set by `load_settings`."""

    @model_validator(mode="after")
    def _limits_somebody(self) -> "Settings":
        """A budget or a rate of a provider or route that is not there would limit nobody."""
        providers = [one.name for one in self.provider]
        known = {Scope.PROVIDER: providers, Scope.ROUTE: [*providers, *(one.name for one in self.route)]}
        limits = [(one.scope, one.holders) for one in self.budget] + [
            (one.scope, one.holders) for one in self.rate
        ]
        for scope, holders in limits:
            names = known.get(scope, ())
            if names and not any(matches(holders, name) for name in names):
                raise ValueError(f"no {scope.value} is named `{holders}`, so a budget or rate would limit nobody")
        return self

    @model_validator(mode="after")
    def _shares_somewhere(self) -> "Settings":
        """A circuit that is to be shared needs a place where."""
        if not self.storage.shared:
            for one in self.provider:
                if one.breaker.shared:
                    raise ValueError(f"circuits of `{one.name}` are shared nowhere: name a `storage.shared`")
        return self

    @model_validator(mode="after")
    def _is_named(self) -> "Settings":
        """Tokens that are issued for nobody in particular open nothing."""
        issuers = [one.issuer for one in self.oauth_issuer]
        if issuers and not self.oauth.resource:
            raise ValueError("`[[oauth_issuer]]` needs `oauth.resource`: tokens must be issued for this firewall")
        if len(set(issuers)) != len(issuers):
            raise ValueError("an `[[oauth_issuer]]` stands twice")
        return self

    @model_validator(mode="after")
    def _means_one(self) -> "Settings":
        """Whoever the OpenID provider names is one approver."""
        for what in ("name", "email", "subject"):
            given = [str(getattr(one, what)).casefold() for one in self.approver if getattr(one, what)]
            twice = next((one for one in given if given.count(one) > 1), "")
            if twice:
                raise ValueError(f"two `[[approver]]` have the {what} `{twice}`")
        return self

    @model_validator(mode="after")
    def _looks_somewhere(self) -> "Settings":
        """An argument that nobody can look up would be unresolved for ever."""
        resolving = {one.name for one in self.target if one.resolver is not None}
        for server in self.mcp_server:
            for argument in server.argument:
                if argument.target and argument.target not in resolving:
                    raise ValueError(
                        f"MCP server `{server.name}`: no target `{argument.target}` has a `[target.resolver]`"
                    )
        return self

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
        refs: list[object] = [self.audit.keystore_key, self.vault.key, self.storage.shared_password]
        refs += [one.api_key for one in self.provider]
        refs += list(self.telemetry.headers.values())
        refs += [one.credential for one in self.target]
        refs += [one.resolver.credential for one in self.target if one.resolver is not None]
        refs += [ref for one in self.mcp_server for ref in one.references]
        refs += [ref for one in self.notify for ref in one.references]
        refs += [self.oidc.client_secret] if self.oidc else []
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
    def vault_file(self) -> Path:
        """The sealed credentials."""
        return self.data_dir / "vault.db"

    @property
    def vault_key(self) -> Path:
        """The file of the key that they are sealed with; never in data_dir."""
        ref = self.vault.key
        return self.anchored(ref.file) if ref and ref.file else self.folder / "vault.key"

    @property
    def verify_key(self) -> Path:
        """The public key that auditors pin, beside the configuration."""
        return self.folder / "verify.key"
