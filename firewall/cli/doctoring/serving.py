"""What the running server says of itself; most of it only to an admin's token, in `STAYHAND_TOKEN`."""

import os
from collections.abc import Iterator, Mapping

import httpx

from firewall.cli.doctoring.finding import Finding
from firewall.core.errors import FirewallError
from firewall.core.strict_json import loads_object
from firewall.settings.settings import Settings

_TOLD = (
    (
        "approvers",
        "approvers who wave everything through",
        "stayhand approver list --stats; ask fewer questions, or somebody else as well",
    ),
    (
        "reviews",
        "uses of break-glass that nobody reviewed",
        "`stayhand approvals reviews`, or /console/reviews: somebody else says whether it was justified",
    ),
    (
        "erasing",
        "an erasure",
        "end what reads the log's file for long, as a backup or a `sqlite3` that somebody left open",
    ),
    (
        "mcp_scopes",
        "MCP servers want scopes that our login lacks",
        "stayhand mcp login NAME --scope …, with those that are configured; a machine: `oauth.scopes`",
    ),
)
"""Parts of the status that stand there only where something is to be done: what it is, and what to do."""


def server(settings: Settings) -> Iterator[Finding]:
    """Say whether a server answers, and what it says of itself."""
    address = f"http://{settings.server.control_listen}"
    try:
        answer = httpx.get(f"{address}/readyz", timeout=3, trust_env=False)
    except httpx.HTTPError:
        yield Finding("warn", f"no server answers at {address}", "stayhand serve")
        return
    ready = answer.status_code == 200
    yield Finding("ok" if ready else "error", f"server at {address} is {'ready' if ready else 'closed'}")
    if ready:
        yield from _status(address)
        yield from _pinned(settings, address)


def _pinned(settings: Settings, address: str) -> Iterator[Finding]:
    """Say which MCP servers are others than those whose tools were approved; only people with a role are told."""
    token = os.environ.get("STAYHAND_TOKEN", "").strip()
    if settings.mcp_server and token:
        from firewall.cli.mcp_servers import others_than_pinned

        try:
            headers = {"authorization": f"Bearer {token}"}
            answer = httpx.get(f"{address}/api/mcp", headers=headers, timeout=3, trust_env=False)
        except httpx.HTTPError:
            return
        yield from (Finding(*said) for said in others_than_pinned(settings, answer.content))


def _status(address: str) -> Iterator[Finding]:
    """Ask the server how its parts fare; only an admin is told."""
    token = os.environ.get("STAYHAND_TOKEN", "").strip()
    if not token:
        yield Finding("skipped", "circuits to providers: only an admin is told", "set STAYHAND_TOKEN")
        return
    try:
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx.get(f"{address}/api/status", headers=headers, timeout=3, trust_env=False)
        parts = loads_object(answer.content).get("parts")
    except (httpx.HTTPError, FirewallError, UnicodeError):
        return
    if isinstance(parts, dict):
        yield from found_in(parts)


def found_in(parts: Mapping[str, object]) -> Iterator[Finding]:
    """Say what a server's status means; parts that are no text say nothing."""
    if isinstance(shared := parts.get("shared"), str):
        is_up = shared.startswith("shared")
        hint = "" if is_up else "look at the Redis of `storage.shared`"
        yield Finding("ok" if is_up else "warn", f"circuits between processes: {shared}", hint)
    if isinstance(channels := parts.get("channels"), str):
        fails = channels.startswith("failing")
        hint = "docs/approvals.md says what each word means" if fails else ""
        yield Finding("warn" if fails else "ok", f"channels to people: {channels}", hint)
    if str(parts.get("witness", "")).startswith("failing"):
        hint = "mend it before the server stops: it does not start without its witness"
        yield Finding("error", f"the log's witness: {parts['witness']}", hint)
    for part, words, hint in _TOLD:
        if isinstance(told := parts.get(part), str):
            yield Finding("warn", f"{words}: {told}", hint)
    if isinstance(said := parts.get("circuits"), str):
        is_well = said.startswith("0 ")
        hint = "" if is_well else "`/metrics` says whose, `stayhand route report` since when"
        yield Finding("ok" if is_well else "warn", f"circuits to providers: {said}", hint)
