"""Real credentials at rest: encrypted rows in a file of their own, bound to name and purpose."""
