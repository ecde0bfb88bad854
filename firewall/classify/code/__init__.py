"""Code in other languages: what a program given as text would do, read and never run."""
