"""Approvals: open, decide, wait, consume, expire; and telling people that one waits."""
