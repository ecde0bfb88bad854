"""The one form between the dialects: every dialect is read into it and written from it, none knows another."""
