"""The bulk format of search engines: what each line does, as the server parts and reads them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.classify.api.bulk import MAX_ACTIONS, MAX_CHARS, read_bulk
from firewall.core.effect import Effect

READ_NOTHING = frozenset({Effect.UNKNOWN})


@pytest.mark.parametrize(
    ("body", "effects", "said"),
    [
        ('{"index":{}}\n{"a":1}\n', {Effect.WRITE}, "writes 1 document in the search engine"),
        ('{"update":{"_id":"1"}}\n{"doc":{}}', {Effect.WRITE}, "writes 1 document in the search engine"),
        ('\n{"create":{}}\n{"delete":{}}\n\n', {Effect.WRITE}, "writes 1 document in the search engine"),
        (
            '{"index":{}}\n{}\n{"delete":{"_id":"1"}}\n{"delete":{"_id":"2"}}\n',
            {Effect.DESTRUCTIVE},
            "writes 1 document and deletes 2 documents in the search engine; no undo through this API",
        ),
    ],
)
def test_actions_and_their_documents(body: str, effects: set[Effect], said: str) -> None:
    """A document is never taken for an action, an action never for a document; empty lines are passed over."""
    assert read_bulk(body) == read_bulk(body + "\n")
    assert (set(read_bulk(body).effects), read_bulk(body).summary) == (effects, said)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n \n",
        "index",
        "[]",
        '{"index":{}, "delete":{}}\n{}\n',
        '{"index":{}, "index":{}}\n{}\n',
        '{"Delete":{}}\n',
        "{}\n",
        '{"index":{}}\r{}\r{"delete":{}}\n' + '{"x":',
        "[" * 100_000,
        "x" * (MAX_CHARS + 1),
    ],
)
def test_what_cannot_be_read_is_unknown(body: str) -> None:
    """No action, two in a line, a word that is none, too much of it: nobody says that it only writes."""
    assert Effect.UNKNOWN in read_bulk(body).effects


def test_too_many_actions_are_unknown_and_a_deletion_among_them_stays_one() -> None:
    """What was seen before the limit is said; what comes behind it may be anything."""
    many = '{"delete":{}}\n' * (MAX_ACTIONS + 1)
    assert read_bulk(many).effects == {Effect.DESTRUCTIVE, Effect.UNKNOWN}


_ACTIONS = st.lists(
    st.tuples(st.sampled_from(["index", "create", "update", "delete"]), st.text(max_size=20)), max_size=8
)


@given(_ACTIONS)
def test_a_deletion_is_always_seen(actions: list[tuple[str, str]]) -> None:
    """Whatever documents stand around it, and whatever they hold."""
    lines: list[str] = []
    for verb, text in actions:
        lines.append(json.dumps({verb: {"_id": text}}))
        if verb != "delete":
            lines.append(json.dumps({"delete": text}))
    found = read_bulk("\n".join(lines) + "\n").effects
    verbs = {verb for verb, _ in actions}
    wanted = {Effect.DESTRUCTIVE} if "delete" in verbs else {Effect.WRITE}
    assert found == (wanted if actions else READ_NOTHING)
