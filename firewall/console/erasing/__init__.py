"""Erasing a person: what must end before, the entry, and who may."""
