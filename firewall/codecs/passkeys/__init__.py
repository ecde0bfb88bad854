"""Passkeys (WebAuthn Level 3): where they work, what a browser is asked, and what it answers. Pure."""
