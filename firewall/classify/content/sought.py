"""Words of which one may stand in a text, looked for all at once.

`in` looks for one word, so that a hundred words are a hundred walks through the text. Here they are one automaton
of `jsonschema_rs` (Rust's `regex`; the pattern of a JSON Schema is searched for anywhere): one walk for all.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from firewall.core.late import Late

if TYPE_CHECKING:
    import jsonschema_rs
else:
    jsonschema_rs = Late("jsonschema_rs")

_SYNTAX = re.compile(r"[\\^$.|?*+()\[\]{}/]")


class Sought:
    """Words, of which none is empty or holds half of a pair; compiled when they are first looked for."""

    __slots__ = ("_find", "words")

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(dict.fromkeys(words))
        self._find: Callable[[str], bool] | None = None

    def stands_in(self, text: str) -> bool:
        """Tell whether one of the words stands in a text, as it is written."""
        find = self._find or self._compiled()
        try:
            return find(text)
        except ValueError:  # halves of pairs: no text that can be handed on
            return any(word in text for word in self.words)

    def _compiled(self) -> Callable[[str], bool]:
        pattern = "|".join(_SYNTAX.sub(r"\\\g<0>", word) for word in self.words)
        schema = {"pattern": pattern}
        validator = jsonschema_rs.validator_for(schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True)
        self._find = validator.is_valid
        return self._find
