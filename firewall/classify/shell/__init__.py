"""Shell text: a command line parsed with tree-sitter-bash, followed as far as constants go, never run."""
