"""Proving who somebody is: passkeys, one-time addresses, personal links, an OpenID provider (ADR 0041)."""
