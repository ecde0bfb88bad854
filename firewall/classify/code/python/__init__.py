"""Python: what `python -c` and scripts would do, by their syntax tree."""
