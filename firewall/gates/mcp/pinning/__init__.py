"""Definitions of servers' tools, held against what they were when somebody trusted them (ADR 0029)."""
