"""Judged calls as they happen: a bounded feed in memory, a page, and a stream of server-sent events."""
