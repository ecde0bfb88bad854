"""Make a table of a GraphQL schema's root fields: `python policies/generators/graphql_fields.py NAME SCHEMA SOURCE LICENCE`.

SCHEMA is a file in the schema language or an introspection answer; overrides/NAME-graphql.toml corrects by hand.
Sources: npm @octokit/graphql-schema (`schema.graphql`); railwayapp/cli `src/gql/schema.json`; superfly/flyctl
`gql/schema.graphql`. The rules stand in rules.py.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

from graphql import build_client_schema, build_schema
from graphql.type import GraphQLObjectType, GraphQLSchema
from rules import DELETE, READ, RIGHTS, STOP, derive, first_verb, words_of
from write import letters, plain, write_table

HERE = Path(__file__).resolve().parent
_VERBS = (
    DELETE
    | STOP
    | READ
    | {
        "create", "update", "set", "add", "remove", "enable", "disable", "reset", "upsert", "move", "rename", "grant",
        "revoke", "accept", "approve", "transfer", "publish", "deploy", "start", "resume", "restore", "release",
        "unset", "clear", "import", "connect", "disconnect", "register", "issue", "regenerate", "invite", "leave",
        "generate", "lock", "unlock", "pin", "unpin", "merge", "close", "reopen", "mark", "link", "unlink", "track",
        "exec", "build", "launch", "detach", "attach",
    }
)  # fmt: skip
_NOT_RIGHTS = re.compile(r"user list|user status|user profile|user terms|user beta|user flags|user discord")


def main(name: str, path: str, source: str, licence: str) -> None:
    """Write the table of one schema."""
    text = Path(path).read_text("utf-8")
    schema = build_client_schema(_introspected(text)) if text.lstrip().startswith("{") else _built(text)
    by_hand = HERE / f"overrides/{name}-graphql.toml"
    overrides = tomllib.loads(by_hand.read_text("utf-8")) if by_hand.exists() else {}
    lines = _rows(schema.mutation_type, "m", overrides.get("mutation", {}))
    lines += _rows(schema.query_type, "q", overrides.get("query", {}))
    head = {
        "kind": "graphql",
        "source": source,
        "licence": licence,
        "made by": f"policies/generators/graphql_fields.py with overrides/{by_hand.name}",
    }
    written = write_table(f"{name}-graphql.tsv", head, lines)
    sys.stderr.write(f"{written.name}: {len(lines)} fields, {written.stat().st_size} bytes\n")


def _introspected(text: str) -> object:
    value = json.loads(text)
    return value.get("data", value)


def _built(text: str) -> GraphQLSchema:
    return build_schema(text, assume_valid=True)


def _rows(kind: GraphQLObjectType | None, letter: str, overrides: dict[str, str]) -> list[str]:
    if kind is None:
        return []
    unknown = sorted(set(overrides) - set(kind.fields))
    if unknown:
        raise SystemExit(f"overrides name fields that are not in the schema: {', '.join(unknown)}")
    return [
        f"{letters(overrides.get(name) or _effects(name, letter))}\t{letter}\t{name}\t{plain(field.description or '')}"
        for name, field in sorted(kind.fields.items())
    ]


def _effects(name: str, letter: str) -> str:
    words = words_of(name)
    joined = " ".join(words)
    rights = RIGHTS.search(joined) is not None and _NOT_RIGHTS.search(joined) is None
    return derive(first_verb(words, frozenset(_VERBS)), words, rights=rights, mutation=letter == "m")


if __name__ == "__main__":
    main(*sys.argv[1:5])
