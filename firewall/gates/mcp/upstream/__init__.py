"""How MCP servers are reached: over HTTP, and as programs that we start."""
