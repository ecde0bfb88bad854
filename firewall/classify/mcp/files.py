"""The file that `resources/read` names."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urlsplit

from firewall.classify.paths import MAX_PATH_CHARS
from firewall.core.folding import has_long_run


def file_of(arguments: Mapping[str, object]) -> str:
    """Return the path of a `file:` address that names a file of its server's machine; empty: none plainly.

    One with a host, a query or a fragment, or with escapes that hide what is no path, is not plain. Neither is one
    with a backslash, which parts folders for some readers, or with an escape that some would take apart once more.
    """
    uri = arguments.get("uri")
    if not isinstance(uri, str) or len(uri) > MAX_PATH_CHARS or has_long_run(uri):
        return ""
    try:
        parts = urlsplit(uri)
        path = unquote_to_bytes(parts.path).decode("utf-8")
    except ValueError:
        return ""
    if "\\" in uri or "\\" in path or "%" in path:
        return ""
    is_plain = parts.scheme == "file" and parts.netloc in ("", "localhost") and not (parts.query or parts.fragment)
    return path if is_plain and path.startswith("/") and path.isprintable() and "?" not in uri else ""
