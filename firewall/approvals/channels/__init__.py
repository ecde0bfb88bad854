"""Channels that tell people that something waits: one module a kind, one delivery for all of them."""
