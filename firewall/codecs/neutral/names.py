"""Names of tools as dialects accept them: shortened and joined with their namespace, the same each time.

A name in the history is changed as the declaration is, so both still match; what the provider calls by the changed
name is told back through `Wire.names`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from firewall.codecs.neutral.form import Tool
from firewall.codecs.neutral.losses import untranslatable

_ODD = re.compile(r"[^A-Za-z0-9_-]")
_HASH = 12
_ROOT = "functions"
"""The namespace in which models see tools that have none; Codex declares its own there by name."""


def fitted(name: str, *, namespace: str = "", longest: int = 64) -> str:
    """Return the name as `[A-Za-z0-9_-]{1,longest}`; unchanged where it fits and has no namespace."""
    full = f"{namespace}__{name}" if namespace not in ("", _ROOT) else name
    plain = _ODD.sub("_", full)
    if plain == full and 0 < len(full) <= longest:
        return full
    digest = hashlib.sha256(f"{namespace}/{name}".encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    return f"{plain[: longest - _HASH - 1]}_{digest}"


def renamed(tools: Iterable[Tool], *, longest: int = 64) -> Mapping[str, tuple[str, str]]:
    """Return (namespace, name) by the changed name, of the tools whose name changes.

    Raises: ProtocolError (400) `untranslatable` when two tools would have one name: a call would be of either.
    """
    found: dict[str, tuple[str, str]] = {}
    whose: dict[str, tuple[str, str]] = {}
    for tool in tools:
        wire = fitted(tool.name, namespace=tool.namespace, longest=longest)
        if whose.setdefault(wire, (tool.namespace, tool.name)) != (tool.namespace, tool.name):
            untranslatable(f"the tool {tool.name}", "another tool has the same name there")
        if wire != tool.name or tool.namespace:
            found[wire] = (tool.namespace, tool.name)
    return found
