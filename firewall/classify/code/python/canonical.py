"""Dotted paths of Python's library: where one module is reached through another (`uuid.os.unlink`)."""

import sys

_SUBMODULES = frozenset(
    {
        "os.path", "urllib.parse", "urllib.request", "urllib.error", "collections.abc",
        "concurrent.futures", "importlib.metadata", "email.utils", "html.parser", "xml.etree",
        "xml.etree.ElementTree", "mysql.connector", "importlib.resources", "unittest.mock",
        "logging.handlers", "asyncio.subprocess",
    }
)  # fmt: skip
_OWN_NAMES = frozenset(
    {
        "array.array", "ast.keyword", "ast.operator", "bisect.bisect", "boto3.resource",
        "calendar.calendar", "code.code", "copy.copy", "datetime.calendar", "datetime.datetime",
        "datetime.time", "decimal.decimal", "fnmatch.fnmatch", "getpass.getpass", "glob.glob",
        "inspect.stack", "inspect.trace", "locale.gettext", "operator.operator", "os.stat",
        "platform.platform", "pprint.pprint", "profile.profile", "queue.queue", "queue.time",
        "random.random", "runpy.runpy", "secrets.token", "select.select", "shelve.shelve", "shlex.shlex",
        "shutil.copy", "signal.signal", "socket.socket", "statistics.statistics", "string.string",
        "struct.struct", "sys.platform", "time.time", "timeit.timeit", "token.token", "tokenize.tokenize",
        "types.types", "unicodedata.decimal", "uuid.uuid",
    }
)  # fmt: skip
"""Functions and classes of a module that are called like another module."""


def leads_away(path: str) -> bool:
    """Tell whether a dotted path goes from one module through to another (`uuid.os.unlink`)."""
    return bool(path) and canonical(path, mark=True) == ""


def canonical(path: str, *, mark: bool = False) -> str:
    """Return a path from its last module on (`uuid.os.unlink`: `os.unlink`); with `mark`, '' where it is cut."""
    parts = path.split(".")
    if parts[0] not in sys.stdlib_module_names:
        return path
    for place in range(len(parts) - 1, 0, -1):
        so_far = ".".join(parts[: place + 1])
        pair = f"{parts[place - 1]}.{parts[place]}"
        is_module = parts[place] in sys.stdlib_module_names and "()" not in so_far
        if is_module and so_far not in _SUBMODULES and pair not in _OWN_NAMES:
            return "" if mark else ".".join(parts[place:])
    return path
