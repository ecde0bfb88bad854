"""Libraries that are imported when they are first used: what no start needs, no start waits for."""

import importlib


class Late:
    """Stands for a module until one of its names is asked for; each is looked up once.

    For type checkers, import the module itself under `TYPE_CHECKING`.
    """

    def __init__(self, name: str) -> None:
        """`name`: of the module, as `import` takes it."""
        self._name = name

    def __getattr__(self, name: str) -> object:
        """Import the module and return what it calls `name`.

        Raises: AttributeError; ImportError.
        """
        if name.startswith("__"):  # what Python itself asks of any object is no reason to import
            raise AttributeError(name)
        value: object = getattr(importlib.import_module(self._name), name)
        setattr(self, name, value)
        return value
