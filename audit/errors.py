"""The one exception of this package.

`AuditError` means that *we* could not do our work: an append refused, a file unreadable, a key bad. A log that
fails its verification is no exception but a `Report` with findings.
"""

import sqlite3

READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file raises: SQLite's own messages may quote bytes that are no UTF-8."""
WRONG_TYPES = (TypeError, AttributeError, OverflowError)
"""What using a value from a damaged page raises: it may have any type whatever the table says."""


class AuditError(Exception):
    """An append was refused, a file is unreadable, or a key is bad; the message may be shown to an operator."""
