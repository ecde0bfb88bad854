"""JSON-RPC 2.0 in a request's body: the method's name says what a path cannot (`/mcp`, `/rpc`)."""

import json

from firewall.classify.api.rest import Asked, Judged
from firewall.core.effect import Effect

MAX_CALLS = 50
_READS = frozenset(
    {
        "initialize", "ping", "tools/list", "resources/list", "resources/templates/list", "resources/read",
        "prompts/list", "prompts/get", "completion/complete", "roots/list", "rpc.discover",
    }
)  # fmt: skip


def calls_of(asked: Asked) -> Judged | None:
    """Judge a JSON-RPC body; None: it is none. Only the protocol's own reads are known; a call is unknown."""
    if '"jsonrpc"' not in asked.body[:20_000] or len(asked.body) > 512 * 1024:
        return None
    try:
        value: object = json.loads(asked.body)
    except (ValueError, RecursionError):
        return None
    calls = value if isinstance(value, list) else [value]
    names = [call.get("method") for call in calls[: MAX_CALLS + 1] if isinstance(call, dict) and "jsonrpc" in call]
    if not names or len(names) != len(calls):
        return None
    if all(isinstance(name, str) and (name in _READS or name.startswith("notifications/")) for name in names):
        return Judged(
            {Effect.READ}, f"asks {asked.host} what it offers: {', '.join(sorted(map(str, names)))}"[:200]
        )
    called = ", ".join(sorted({str(name) for name in names}))[:120]
    return Judged({Effect.UNKNOWN}, f"calls `{called}` at {asked.host}", unseen=[f"what `{called}` does there"])
