"""`[[mcp_server]]`: MCP servers that agents reach through us (DESIGN 6.2)."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from firewall.core.lookup import ID, Lookup
from firewall.settings.oauth import McpOAuth, checked_address
from firewall.settings.resolvers import checked_header
from firewall.settings.values import SecretRef, Section

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])+)+")
_WORD = re.compile(r"[a-z_]{1,40}")


class McpArgument(Section):
    """What an argument of a server's tools names: an id that a resolver looks up, or a place."""

    tools: tuple[str, ...] = ("*",)
    """The tools that take it, as globs over their names as the server knows them."""
    target: str = ""
    """The `[[target]]` whose resolver looks it up. By itself: every argument that the resolver's file knows by
    name, as the infrastructure gate reads them."""
    thing: str = ""
    """The kind of thing, as the resolver's file calls it (`volume`, `repo`, `database`)."""
    at: str | dict[str, str] = ""
    """Where it stands in the arguments: a JSON pointer (`/volumeId`; `*` is each element), or one for each word
    that the resolver's file puts a name together from (`{ owner = "/owner", repo = "/repo" }`)."""
    place: Literal["", "hosts", "databases", "kube_contexts", "kube_namespaces", "machines", "projects"] = ""
    """Instead of `target`: the list of environments.toml that names such places."""
    written: str = ""
    """How that list writes them: `railway/{id}`. Addresses have `{host}`, `{port}`, `{database}`; ARNs
    `{account}`, `{region}`, `{service}`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.target) == bool(self.place):
            raise ValueError("name a `target` or a `place`")
        if self.place and (self.thing or not self.at):
            raise ValueError("a `place` needs `at`, and no `thing`")
        if self.target and (bool(self.thing) != bool(self.at) or self.written):
            raise ValueError("`thing` and `at` go together, and `written` with a `place`")
        for word, pointer in self._words:
            if not _WORD.fullmatch(word) or not _POINTER.fullmatch(pointer):
                raise ValueError(f"`at`: `{pointer}` is no JSON pointer, write for example `/volumeId`")
        if not self.tools:
            raise ValueError("`tools` must name some")
        return self

    @property
    def _words(self) -> tuple[tuple[str, str], ...]:
        if isinstance(self.at, str):
            return ((ID, self.at),) if self.at else ()
        return tuple(self.at.items())

    def lookup(self) -> Lookup:
        """Return it as judging takes it."""
        return Lookup(self.target, self.thing, self._words, self.place, self.written)


class McpServer(Section):
    """An MCP server: at an address, or a program that we start; never both."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")]
    """As it stands in `/mcp/NAME`, before `__` in the tools' names at `/mcp`, and in globs of grants and policies
    (`mcp__NAME__*`). No underscores, so that a name is prefixed in one way only."""
    environment: Annotated[str, Field(min_length=1)]
    """Where it lands."""
    url: str = ""
    """Its one address (Streamable HTTP), path included."""
    command: tuple[str, ...] = ()
    """A program and its arguments, spoken to over its standard input and output. From here alone, never from a
    request; the program by its whole path, or looked up once in the PATH of `env` or of the server."""
    env: dict[str, str | SecretRef] = {}  # noqa: RUF012 - pydantic copies it
    """The program's environment variables: beside PATH, HOME, LANG and TZ it inherits nothing."""
    folder: str = ""
    """Where the program is started; default: an empty one of its own."""
    credential: SecretRef | None = None
    """What authenticates at `url`; the agent's own token never goes there."""
    oauth: McpOAuth | None = None
    """In place of `credential`: tokens of its authorization server."""
    header: str = "Authorization: Bearer {credential}"
    """The header field that carries it, with `{credential}` at its end."""
    pack: str = ""
    """The name by which the catalogue knows the server's tools, where it is not `name`."""
    may_ask: tuple[Literal["sampling", "elicitation", "roots"], ...] = ()
    """What the server may ask of clients by itself: their model, their user, their folders. Default: nothing."""
    argument: tuple[McpArgument, ...] = ()
    """What arguments of its tools name."""
    scoped: bool = False
    """It reaches nothing but `environment`: its provider enforces that, you say so."""
    hosting: Literal["saas", "vpc", "self"] = "saas"
    """`vpc` and `self` may lie at private addresses."""
    hold_s: int = Field(default=50, ge=0, le=3600)
    """How long a held call keeps its client waiting."""
    timeout_s: int = Field(default=60, ge=1, le=3600)
    """How long the server may be silent while a request waits for it: progress begins it anew."""
    total_s: int = Field(default=600, ge=1, le=86_400)
    """How long one request may take."""
    max_body_mib: int = Field(default=4, ge=1, le=64)
    """The largest message of a client."""
    max_answer_mib: int = Field(default=16, ge=1, le=256)
    """The largest message of the server; all pages of its list of tools together are no larger."""
    idle_s: int = Field(default=900, ge=10, le=86_400)
    """When a session with the server, or its program, that nobody uses is ended."""
    at_once: int = Field(default=32, ge=1, le=1000)
    """Sessions with the server, or programs, at a time; one token has half of them at most."""

    @property
    def references(self) -> tuple[SecretRef | str | None, ...]:
        """Every place where a secret may be named."""
        secret = self.oauth.client_secret if self.oauth is not None else None
        return self.credential, secret, *self.env.values()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.url) == bool(self.command):
            raise ValueError("name a `url` or a `command`")
        if self.url:
            self._check_address()
        else:
            self._check_program()
        return self

    def _check_address(self) -> None:
        checked_header(self.header)
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("`url` must be a plain http or https address, without a query")
        if self.oauth is not None and self.credential is not None:
            raise ValueError("name a `credential` or `oauth`")
        if self.oauth is not None:
            checked_address(self.url, "url", path=True)
        if self.env or self.folder:
            raise ValueError("`env` and `folder` are for servers with a `command`")

    def _check_program(self) -> None:
        if self.credential is not None or self.oauth is not None:
            raise ValueError("a program gets its credentials in `env`")
        if not self.command[0] or any("\0" in part for part in self.command):
            raise ValueError("`command` must name a program")
        if "/" in self.command[0] and not self.command[0].startswith("/"):
            raise ValueError("`command` must name its program by its whole path, or by its name alone")
        for name in self.env:
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"`{name}` is no name of an environment variable")
