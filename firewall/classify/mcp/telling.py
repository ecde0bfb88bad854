"""What a call of an MCP tool is called in plain words, and which of its words a person should look at."""

from collections.abc import Collection, Iterator, Mapping

from firewall.classify.catalogue import Words
from firewall.classify.draft import shown
from firewall.classify.marking import json_value
from firewall.classify.phrases import does, listed, subject, verbs_of, words_of


def told(tool: str, server: str, arguments: Mapping[str, object], words: Words, *, summary: str = "") -> str:
    """Return "deletes file `a.py` (owner `acme`, repo `shop`) by `delete_file` of the MCP server `github`".

    `summary` is what a pack's rule says of the call and stands in place of the tool's own words.
    """
    tokens = words_of(tool)
    name = subject(arguments, tokens)
    value = arguments.get(name)
    is_named = isinstance(value, str) and not summary
    what = summary or does(tokens, verbs_of(words), value if isinstance(value, str) else "") or "makes a call"
    rest = listed(arguments, {name} if is_named else ())
    return f"{what}{f' ({rest})' if rest else ''} by {shown(tool)} of the MCP server {shown(server)}"


def marks(text: str, arguments: Mapping[str, object], names: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the places of some arguments' values in the text of a call, each with the argument's name."""
    for name in dict.fromkeys(names):
        found = json_value(text, name, arguments.get(name))
        if found is not None:
            yield (*found, name)
