"""The infrastructure gate: agents reach APIs without holding keys."""
