"""The MCP gate: tools of MCP servers, judged before they run."""
