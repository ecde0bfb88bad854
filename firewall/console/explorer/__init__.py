"""Searching the log: an index behind it, made from it and lost without harm (docs/adr/0048)."""
