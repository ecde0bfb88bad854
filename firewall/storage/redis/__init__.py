"""Adapters to Redis: one file per port."""
