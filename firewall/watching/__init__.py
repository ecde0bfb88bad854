"""What is seen of model calls, for people and programs that watch: traces and metrics."""
