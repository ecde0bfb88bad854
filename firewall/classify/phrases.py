"""The names of operations and arguments as plain words: `DeleteDBInstance` is "deletes DB instance `shop`".

Pure text; nothing here decides an effect.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from firewall.classify.catalogue import Words
from firewall.classify.draft import shown

MOST_ARGUMENTS = 4
MOST_LOOKED_AT = 400
"""Arguments among which those are looked for that a sentence names."""
MAX_VALUE_CHARS = 60
_MOST_CHARS = 200
_MOST_NAMES = 2048
"""Whose words are remembered, each cut to its bound: operations and their arguments come again and again."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
"""What stands in JSON as it is: written here, which costs a tenth of what the writer of JSON takes."""
_BULK = frozenset({"batch", "bulk", "admin"})
_NAMING = frozenset({"id", "ids", "name", "names", "arn", "path", "key", "uid", "slug", "ref", "identifier"})
_QUIET = frozenset({"body", "content", "contents", "text", "message", "description", "comment", "data", "code"})
"""Arguments that hold what is written, not what it is written to."""
_KEPT = frozenset({"dns", "kms", "sms", "aws", "eks", "ecs", "rds", "sns", "sqs", "tls", "vms", "os", "https"})


def words_of(name: str) -> tuple[str, ...]:
    """Split `DeleteDBInstance`, `delete-db-snapshot`, `volumeDelete` into words; capitals of `DB` are kept."""
    return _words(name[:_MOST_CHARS])


@lru_cache(maxsize=_MOST_NAMES)
def _words(name: str) -> tuple[str, ...]:
    found = _WORDS.findall(name)
    return tuple(word if word.isupper() and len(word) > 1 else word.lower() for word in found)


def third_person(verb: str) -> str:
    """Return `deletes` for `delete`; what ends in `s` already is left alone."""
    if verb.endswith("s") and not verb.endswith("ss"):
        return verb
    if verb.endswith("y") and verb[-2:-1] not in tuple("aeiou"):
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("ss", "x", "z", "ch", "sh", "o")) else f"{verb}s"


def singular(noun: str) -> str:
    """Return `pod` for `pods`; for a thing that has a name."""
    if noun.lower() in _KEPT or noun.endswith(("ss", "us", "is")) or not noun.endswith("s") or noun.isupper():
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return f"{noun[:-3]}y"
    return noun[:-2] if noun.endswith(("sses", "xes", "ches", "shes")) else noun[:-1]


def does(tokens: Sequence[str], verbs: Collection[str], named: str = "") -> str:
    """Return "deletes volume `vol_1`" for the words of an operation in any order; empty without a verb.

    `verbs` are the words that count as one; of several, one at either end of the words is taken.
    """
    words = [word for word in tokens if word.lower() not in _BULK] or list(tokens)
    places = [at for at, word in enumerate(words) if word.lower() in verbs]
    if not places:
        return ""
    at = 0 if places[0] == 0 else places[-1]
    rest = [*words[:at], *words[at + 1 :]]
    if named and rest:
        rest[-1] = singular(rest[-1])
    parts = [third_person(words[at].lower()), *rest, *([shown(named)] if named else [])]
    return " ".join(parts)


def command_does(
    program: str, names: Sequence[str], verbs: Collection[str], *, losing: Collection[str], named: str = ""
) -> str:
    """Return "deletes sql instance `shop-db` with `gcloud`" for the words behind a program; empty: no verb.

    `losing` are the verbs that remove; `named` is what an option such as `--name` says.
    """
    at = next((at for at, name in enumerate(names) if _has(name, losing)), -1)
    at = at if at >= 0 else next((at for at, name in enumerate(names) if _has(name, verbs)), -1)
    if at < 0:
        return ""
    tokens = [word for name in names[: at + 1] for word in words_of(name)]
    told = does(
        tokens, losing if _has(names[at], losing) else verbs, names[at + 1] if at + 1 < len(names) else named
    )
    return f"{told} with `{program}`" if told else ""


def _has(name: str, verbs: Collection[str]) -> bool:
    return any(word.lower() in verbs for word in words_of(name))


def summarised(text: str, verbs: Collection[str]) -> str:
    """Return a vendor's "Delete a repository." as "deletes a repository"."""
    first, space, rest = text.strip().rstrip(".").partition(" ")
    told = third_person(first.lower()) if first.lower() in verbs else first[:1].lower() + first[1:]
    return f"{told}{space}{rest}"


def subject(arguments: Mapping[str, object], tokens: Sequence[str]) -> str:
    """Return the name of the argument that says what an operation is about; empty: none does.

    `tokens` are the operation's own words: for `delete_project`, `projectId` comes before `name`.
    """
    wanted = _singular(tuple(tokens))
    best, rank = "", 0
    for name, value in islice(arguments.items(), MOST_LOOKED_AT):
        if not _is_short(value):
            continue
        own = not _singular(words_of(name)).isdisjoint(wanted)
        score = 2 * own + (name.lower() in _NAMING)
        if score > rank:
            best, rank = name, score
    return best


@lru_cache(maxsize=_MOST_NAMES)
def _singular(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(singular(word.lower()) for word in words)


def listed(arguments: Mapping[str, object], without: Collection[str] = ()) -> str:
    """Return "owner `acme`, repo `shop`" of the short arguments, the first few."""
    found = [
        f"{name} {_value(value)}"
        for name, value in islice(arguments.items(), MOST_LOOKED_AT)
        if name not in without and name.lower() not in _QUIET and value not in (None, "") and _is_short(value)
    ]
    more = len(found) - MOST_ARGUMENTS + max(0, len(arguments) - MOST_LOOKED_AT)
    return ", ".join(found[:MOST_ARGUMENTS]) + (f" and {more} more" if more > 0 else "")


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= 4 * MAX_VALUE_CHARS
    if isinstance(value, list | Mapping):
        return len(value) <= MOST_ARGUMENTS
    return value is not None


def _value(value: object) -> str:
    if isinstance(value, str):
        return shown(value, MAX_VALUE_CHARS)
    if isinstance(value, list) and all(isinstance(item, str) and _PLAIN.fullmatch(item) for item in value):
        return shown(f"[{', '.join([f'{chr(34)}{item}{chr(34)}' for item in value])}]", MAX_VALUE_CHARS)
    try:
        return shown(json.dumps(value, ensure_ascii=False), MAX_VALUE_CHARS)
    except (TypeError, ValueError, RecursionError):
        return "(not shown)"


def field_does(name: str, arguments: Mapping[str, object], said: str, words: Words) -> str:
    """Return what a GraphQL field does: in its vendor's words (`said`), else in those of its name."""
    flat: dict[str, object] = {}
    for key, value in arguments.items():
        flat.update(value if key in ("input", "data") and isinstance(value, Mapping) else {key: value})
    named = subject(flat, words_of(name))
    value = flat.get(named)
    told = "" if said else does(words_of(name), verbs_of(words), value if isinstance(value, str) else "")
    rest = listed(flat, {named} if told and isinstance(value, str) else ())
    return f"{told or summarised(said, verbs_of(words)) or 'makes a call'}{f' ({rest})' if rest else ''}"


def verbs_of(words: Words) -> frozenset[str]:
    """Return every word that is a verb of vendors' operations."""
    return words.verbs
