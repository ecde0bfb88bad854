"""The room of the console that shows what model calls cost."""
