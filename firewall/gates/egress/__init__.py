"""The egress gate: a forward proxy for programs that speak to hosts by themselves."""
