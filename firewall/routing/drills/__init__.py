"""Failing on purpose, to see what happens."""
