"""What a route asks of an answer before it is given. Pure; schemas and patterns are jsonschema-rs' (ADR 0020).

Patterns run in time linear in the text. INVARIANT: no schema is fetched from anywhere.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from firewall.codecs.neutral.events import Answer, Refusal, Stop
from firewall.codecs.neutral.form import Call, Text
from firewall.core.errors import ConfigError

if TYPE_CHECKING:
    from jsonschema_rs import Validator

_DECLINES = (
    "i can't help", "i cannot help", "i can't assist", "i cannot assist", "i'm sorry, but i can't",
    "i'm sorry, but i cannot", "i am sorry, but i can", "sorry, but i can", "i'm unable to", "i am unable to",
    "i'm not able to", "i am not able to", "i won't be able to", "as an ai language model", "i can't do that",
    "i cannot do that", "i can't provide", "i cannot provide", "i can't comply", "i cannot comply",
)  # fmt: skip
"""How models begin that decline, in small letters with straight quotes."""
_BEGINNING = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What must hold; what is not said is free."""

    schema: "Validator | None" = None
    pattern: "Validator | None" = None
    """Of a schema for texts."""
    min_chars: int = 0
    max_chars: int = 0
    """0: any."""
    refusals: bool = False
    criterion: str = ""
    """What the judge is asked about; empty: there is none."""
    gives_last: bool = False
    """The last answer is given although none passed."""

    def failed(self, answer: Answer) -> str:
        """Return the name of the first check that an answer fails, or nothing; the judge is asked elsewhere.

        An answer with tool calls is a step on the way and passes.
        """
        if any(isinstance(part, Call) for part in answer.parts):
            return ""
        text = text_of(answer)
        if self.refusals and _declines(answer, text):
            return "refusal"
        if answer.stop in (Stop.LENGTH, Stop.CONTEXT):
            return "cut_off"
        if len(text) < self.min_chars or 0 < self.max_chars < len(text):
            return "length"
        if self.pattern is not None and not self.pattern.is_valid(text):
            return "matches"
        return "json_schema" if self.schema is not None and not _fits(self.schema, text) else ""


def text_of(answer: Answer) -> str:
    """Return what an answer says."""
    return "".join(part.text for part in answer.parts if isinstance(part, Text | Refusal))


def _declines(answer: Answer, text: str) -> bool:
    if answer.stop is Stop.REFUSAL or any(isinstance(part, Refusal) for part in answer.parts):
        return True
    begin = text.lstrip()[:_BEGINNING].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return any(begin.startswith(words) or f". {words}" in begin for words in _DECLINES)


def _fits(schema: "Validator", text: str) -> bool:
    try:
        return schema.is_valid(orjson.loads(text))
    except (orjson.JSONDecodeError, ValueError, RecursionError):
        return False


def schema_of(table: object, what: str, file: str) -> "Validator":
    """Compile a JSON schema.

    Raises: ConfigError for what is none, or refers to another file or address.
    """
    from jsonschema_rs import ReferencingError, RegexOptions, validator_for

    if not isinstance(table, dict | bool):
        raise ConfigError(f"{what} is no JSON schema: an object was expected", file=file)
    try:
        return validator_for(table, pattern_options=RegexOptions(), offline=True)
    except (ValueError, ReferencingError) as error:
        raise ConfigError(f"{what} is no JSON schema: {str(error).splitlines()[0][:200]}", file=file) from error


def pattern_of(text: str, what: str, file: str) -> "Validator":
    """Compile a regular expression that a text must match somewhere.

    Raises: ConfigError for one that cannot be read.
    """
    from jsonschema_rs import RegexOptions, validator_for

    try:
        return validator_for({"type": "string", "pattern": text}, pattern_options=RegexOptions(), offline=True)
    except ValueError as error:
        raise ConfigError(
            f"{what} is no regular expression", hint="no look-around and no back references", file=file
        ) from error
