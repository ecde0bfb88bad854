"""OAuth at the MCP gate: tokens of others at our door, and ours at the doors of servers."""
