"""MCP tools: what a call to a server of somebody else's does."""
