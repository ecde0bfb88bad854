"""The revisions of the Model Context Protocol that are spoken, and the two eras that they belong to.

Modern revisions are stateless: each request says its version and the client's capabilities in `_meta`. Earlier
ones begin with `initialize` (2026-07-28, basic/versioning).
"""

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Newest first."""
ALL = (MODERN, *LEGACY)
TASKED = "2025-11-25"
"""The revision of sessions that has tasks: later ones have them as an extension."""
OLDEST_NAMED = "2025-03-26"
"""What a request without a version header speaks: the field came with 2025-06-18."""

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
INFO_KEY = "io.modelcontextprotocol/clientInfo"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
TOOLS_CHANGED = "notifications/tools/list_changed"
"""What a server says when its tools are others, in every revision."""


def is_modern(version: str) -> bool:
    """Tell whether a version is of the stateless era."""
    return version == MODERN


def agreed(asked: object) -> str:
    """Return the version that `initialize` settles on: the client's where we speak it, else our newest."""
    return asked if isinstance(asked, str) and asked in LEGACY else LEGACY[0]
