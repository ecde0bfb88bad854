"""JavaScript: what Codex's `exec` tool and `node -e` would do."""
