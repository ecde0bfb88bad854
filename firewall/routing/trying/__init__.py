"""Asking the candidates of a plan until one has answered."""
