"""The hooks gate: calls that an agent's own hook, or a framework, asks about before they run."""
