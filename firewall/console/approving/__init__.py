"""The room where people see what waits, read one call whole, and answer it."""
