"""The one exception of this package.

`AuditError` means that *we* could not do our work: an append refused, a file unreadable, a key bad. A log that
fails its verification is no exception but a `Report` with findings.
"""


class AuditError(Exception):
    """An append was refused, a file is unreadable, or a key is bad; the message may be shown to an operator."""
