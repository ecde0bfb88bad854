"""The one door behind every gate: judge, and release what was held."""
