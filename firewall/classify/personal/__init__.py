"""Personal data in text."""
