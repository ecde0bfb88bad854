"""`[[notify]]`: the channels that tell people that something waits."""

import re
from typing import Literal

from pydantic import Field, model_validator

from firewall.codecs.push.places import USUAL, is_pattern
from firewall.settings.values import Duration, OptionalAddress, SecretRef, Section

_NEEDED: dict[str, tuple[str, ...]] = {
    "terminal": (),
    "webhook": ("url",),
    "slack": (),
    "teams": ("url",),
    "pagerduty": ("routing_key",),
    "email": ("smtp", "sender"),
    "push": (),
}
_OWN: dict[str, frozenset[str]] = {
    "terminal": frozenset(),
    "webhook": frozenset({"url", "secret"}),
    "slack": frozenset({"url", "token", "channel", "signing_secret", "team"}),
    "teams": frozenset({"url"}),
    "pagerduty": frozenset({"url", "routing_key"}),
    "email": frozenset({"smtp", "security", "ca", "username", "password", "sender", "to", "links"}),
    "push": frozenset({"subject", "hosts", "ca"}),
}
_CONTACT = re.compile(r"mailto:[^\s@<>]+@[^\s@<>]+|https://[^\s<>]+")
"""Apple refuses a subject in another form, also one with spaces or angle brackets."""
_NEAR = ("localhost", "127.0.0.1", "[::1]")


class Notify(Section):
    """A channel that tells people that something waits (docs/approvals.md)."""

    kind: Literal["terminal", "webhook", "slack", "teams", "pagerduty", "email", "push"]
    name: str = Field(default="", max_length=60, pattern=r"^[A-Za-z0-9._-]*$")
    """What metrics and the doctor call it; default: its kind."""
    after: Duration | None = None
    """Only what nobody has decided so long after it was opened: an escalation. Default: told at once."""
    every: Duration | None = Field(default=None, ge=30)
    """How often it is told again while nobody decides, at least 30 s apart. Default: never."""
    environments: tuple[str, ...] = ()
    """Only what lands in these environments; `*` stands for any letters. Default: all."""
    effects: tuple[str, ...] = ()
    """Only what has one of these effects. Default: all."""
    groups: tuple[str, ...] = ()
    """Whose channel it is: what a row asks other groups for is not told here. An `email` without `to` goes to the
    addresses of the approvers in these groups."""
    alerts: bool = True
    """Whether alerts (a budget that is used up) go here as well."""
    url: SecretRef | str = ""
    """`webhook`, `slack`, `teams`: where to post, best a secret. `slack` with `token`, and `pagerduty`: another
    address of their API than the usual one."""
    secret: SecretRef | None = None
    """`webhook`: signs bodies (HMAC-SHA256)."""
    token: SecretRef | None = None
    """`slack`: a bot's token (`xoxb-…`, scope `chat:write`); its message is updated once it is decided."""
    channel: str = ""
    """`slack` with `token`: the id of the channel (`C…`)."""
    signing_secret: SecretRef | None = None
    """`slack` with `token`: the app's signing secret; brings buttons, whose clicks come to `/slack/actions`."""
    team: str = ""
    """`slack` with buttons: the id of the one workspace (`T…`) whose members may press them. Default: any."""
    routing_key: SecretRef | None = None
    """`pagerduty`: the integration key of an Events API v2 integration."""
    smtp: OptionalAddress = ""
    """`email`: the server that takes our mail, as `host:port`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`email`: how the connection is encrypted; `none` is allowed on this machine only."""
    ca: str = ""
    """`email`, `push`: PEM file of the authorities to believe, where the server's is unknown to the system."""
    username: str = ""
    """`email`: who we are to the server; empty: nobody asks."""
    password: SecretRef | None = None
    """`email`: the password of `username`."""
    sender: str = ""
    """`email`: the address in From."""
    to: tuple[str, ...] = ()
    """`email`: the addresses that are written to."""
    links: bool = False
    """`email` with `groups` and without `to`: each approver gets a mail of his own, and where a policy row says
    `auth=link`, a personal link in it that decides that one call without a sign-in."""

    subject: str = Field(default="", max_length=200)
    """`push`: whom a push service may write to about what we send, as `mailto:` or `https:`. Default:
    `server.public_url`, where that is https."""
    hosts: tuple[str, ...] = USUAL
    """`push`: the hosts of push services that are sent to; `*.` in front stands for every name below. One that is
    written as an address, or `localhost`, may lie in a private network. Default: those of Chrome, Firefox, Safari
    and Edge."""

    @model_validator(mode="after")
    def _whole(self) -> "Notify":
        """A channel without what its kind needs reaches nobody; a key of another kind means nothing."""
        missing = [key for key in _NEEDED[self.kind] if not getattr(self, key)]
        if missing:
            raise ValueError(f"`{self.kind}` needs `{missing[0]}`")
        every_own = frozenset().union(*_OWN.values())
        strange = sorted((self.model_fields_set & every_own) - _OWN[self.kind])
        if strange:
            raise ValueError(f"`{strange[0]}` means nothing to `{self.kind}`")
        return self

    @model_validator(mode="after")
    def _slack(self) -> "Notify":
        if self.kind != "slack":
            return self
        if bool(self.token) != bool(self.channel):
            raise ValueError("`token` and `channel` go together")
        if not self.token and not self.url:
            raise ValueError("`slack` needs `url`, or `token` and `channel`")
        if self.signing_secret and not self.token:
            raise ValueError("buttons need a bot: `signing_secret` goes with `token` and `channel`")
        if self.team and not self.signing_secret:
            raise ValueError("`team` says whose clicks count: it goes with `signing_secret`")
        return self

    @model_validator(mode="after")
    def _mail(self) -> "Notify":
        if self.kind != "email":
            return self
        if not self.to and not self.groups:
            raise ValueError("`email` needs `to`, or `groups` whose approvers have an address")
        if self.links and self.to:
            raise ValueError("a personal link goes to one person alone: `links` goes with `groups`, not with `to`")
        if bool(self.username) != bool(self.password):
            raise ValueError("`username` and `password` go together")
        if self.security == "none" and self.smtp.rpartition(":")[0] not in _NEAR:
            raise ValueError("mail leaves this machine encrypted only: use `starttls` or `tls`")
        bad = [one for one in (self.sender, *self.to) if not _is_mailbox(one)]
        if bad:
            raise ValueError(f"`{bad[0]}` is no mail address")
        return self

    @model_validator(mode="after")
    def _push(self) -> "Notify":
        if self.kind != "push":
            return self
        if self.subject and not _CONTACT.fullmatch(self.subject):
            raise ValueError(f"`{self.subject}` is no `mailto:` or `https:` address")
        bad = [one for one in self.hosts if not is_pattern(one)]
        if bad or not self.hosts:
            raise ValueError(f"`{bad[0] if bad else ''}` is no host of a push service")
        return self

    def contact(self, public_url: str) -> str:
        """Return whom push services may write to; empty: nobody."""
        return self.subject or (public_url if public_url.startswith("https://") else "")

    @property
    def references(self) -> tuple[SecretRef, ...]:
        """Return every secret that it refers to."""
        found = (self.url, self.secret, self.token, self.signing_secret, self.routing_key, self.password)
        return tuple(one for one in found if isinstance(one, SecretRef))


def _is_mailbox(text: str) -> bool:
    """Tell whether a text is one bare address: no name, no list, nothing that could be a header."""
    local, _, domain = text.rpartition("@")
    return (
        bool(local and domain) and text.isascii() and text.isprintable() and not set(text) & set(' ,;:<>"()[]\\')
    )
