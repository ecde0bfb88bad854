"""AWS behind the infrastructure gate: throw-away keys verified, the judged request signed with the real ones."""
