"""The one writer: units of work (append, consume, reserve, limit) in one commit."""
