"""Choosing: who may and should answer a model call."""
