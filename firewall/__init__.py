"""Stayhand: a firewall for the tool calls of AI agents."""
