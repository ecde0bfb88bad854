"""Which dialects can be read and written: one line each.

Readers and writers are imported when the first answer or request is translated, or by `load_late` before: they are
a twentieth of what a start imports.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from firewall.codecs.neutral.interface import Reader, Writer
from firewall.core.dialect import Dialect
from firewall.core.errors import ConfigError
from firewall.core.late import Late

if TYPE_CHECKING:
    from firewall.codecs.neutral.anthropic import reader as anthropic_reader
    from firewall.codecs.neutral.anthropic import writer as anthropic_writer
    from firewall.codecs.neutral.gemini import reader as gemini_reader
    from firewall.codecs.neutral.gemini import writer as gemini_writer
    from firewall.codecs.neutral.openai_chat import reader as openai_chat_reader
    from firewall.codecs.neutral.openai_chat import writer as openai_chat_writer
    from firewall.codecs.neutral.openai_responses import reader as openai_responses_reader
    from firewall.codecs.neutral.openai_responses import writer as openai_responses_writer
else:
    anthropic_reader = Late("firewall.codecs.neutral.anthropic.reader")
    anthropic_writer = Late("firewall.codecs.neutral.anthropic.writer")
    gemini_reader = Late("firewall.codecs.neutral.gemini.reader")
    gemini_writer = Late("firewall.codecs.neutral.gemini.writer")
    openai_chat_reader = Late("firewall.codecs.neutral.openai_chat.reader")
    openai_chat_writer = Late("firewall.codecs.neutral.openai_chat.writer")
    openai_responses_reader = Late("firewall.codecs.neutral.openai_responses.reader")
    openai_responses_writer = Late("firewall.codecs.neutral.openai_responses.writer")

READERS: Mapping[Dialect, Reader] = {
    Dialect.ANTHROPIC: anthropic_reader,
    Dialect.OPENAI_CHAT: openai_chat_reader,
    Dialect.OPENAI_RESPONSES: openai_responses_reader,
    Dialect.GEMINI: gemini_reader,
}
WRITERS: Mapping[Dialect, Writer] = {
    Dialect.ANTHROPIC: anthropic_writer,
    Dialect.OPENAI_CHAT: openai_chat_writer,
    Dialect.OPENAI_RESPONSES: openai_responses_writer,
    Dialect.GEMINI: gemini_writer,
}


def reader(dialect: Dialect) -> Reader:
    """Return what reads a dialect.

    Raises: ConfigError for one that nothing reads.
    """
    found = READERS.get(dialect)
    if found is None:
        raise ConfigError(f"nothing translates from the dialect `{dialect.value}`", hint="name another provider")
    return found


def writer(dialect: Dialect) -> Writer:
    """Return what writes a dialect.

    Raises: ConfigError for one that nothing writes.
    """
    found = WRITERS.get(dialect)
    if found is None:
        raise ConfigError(f"nothing translates to the dialect `{dialect.value}`", hint="name another provider")
    return found


def translates(source: Dialect, target: Dialect) -> bool:
    """Tell whether a client of `source` can be answered by a provider of `target`: both ways, or not at all."""
    return all(one in READERS and one in WRITERS for one in (source, target))


def load_late() -> None:
    """Import every reader and writer; a thread may do it beside the first calls."""
    for a_reader in READERS.values():
        _ = a_reader.read_request
    for a_writer in WRITERS.values():
        _ = a_writer.write_request
