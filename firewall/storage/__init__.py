"""Stores, one folder per database, one file per subject, no shared base class."""
