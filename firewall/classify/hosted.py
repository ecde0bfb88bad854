"""Tools that a provider runs itself: judged by their names and what their declarations connect to."""

import re

from firewall.classify.draft import Draft, shown
from firewall.core.action import Action
from firewall.core.call import ToolCall
from firewall.core.effect import Effect

_SEARCHES = re.compile(
    r"(?:web|file|google|tool|x|maps?)_?search(?:_call|_preview|_tool)?(?:[_-][\w-]*\d{4,})?"
    r"|google_?search_?retrieval|google_?maps|enterprise_?web_?search|tool_search_tool_\w+",
    re.IGNORECASE,
)
_FETCHES = re.compile(r"web_?fetch(?:[_-][\w-]*\d{4,})?|url_?context", re.IGNORECASE)
_CONNECTS = re.compile(
    rb"\"(?:server_url|connector_id|mcp_server_name|mcp_servers|server_label)\"\s*:", re.IGNORECASE
)
"""Keys of a declaration that names a server of somebody else's."""


def judge_hosted(call: ToolCall) -> Action:
    """Judge a tool that the provider runs itself by its name, and by what its declaration connects to."""
    text = call.arguments[:4096].decode("utf-8", "replace")
    draft = Draft(f"hosted:{call.name}", f"hosted:{call.name}", effects={Effect.UNKNOWN})
    if "mcp" in call.name.lower() or _CONNECTS.search(call.arguments) is not None:
        draft.operation = f"hosted:{call.name}" if call.name.lower().startswith("mcp") else "hosted:mcp"
        draft.unseen.append("what the remote server does")
        draft.summary = "lets the provider call a remote MCP server or connector, which nobody here sees"
    elif _SEARCHES.fullmatch(call.name):
        draft.effects = {Effect.READ}
        draft.summary = "lets the provider search"
    elif _FETCHES.fullmatch(call.name):
        draft.effects = {Effect.READ}
        draft.summary = "lets the provider fetch pages"
    else:
        draft.effects = {Effect.EXEC}
        draft.summary = f"lets the provider run {shown(call.name)}"
        draft.unseen.append("what it runs")
    draft.attributes["network"] = True
    return draft.action(call.name, text)
