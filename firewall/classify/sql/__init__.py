"""SQL of any dialect to effects: read by words, checked by parsers."""
