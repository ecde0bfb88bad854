"""`stayhand.toml`: its sections, and how it is found and read."""
