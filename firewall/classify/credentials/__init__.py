"""Credentials in bytes: which spans are one, by which rule; and hiding them in what flows back."""
