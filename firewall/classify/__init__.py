"""Bytes and text to effects with evidence. Pure; catalogues come in as values, from policies/."""
