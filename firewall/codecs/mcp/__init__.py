"""The Model Context Protocol: its messages, headers and versions, as values and bytes."""
