"""Tokens and people: mint, narrow, revoke, look up, sign in."""
