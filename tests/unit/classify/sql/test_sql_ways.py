"""One database, one name: a row about `database:postgres/users` holds whichever way SQL goes there."""

import json

import pytest

from firewall.classify.context import Context
from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from firewall.core.effect import Effect
from tests.support.understanding import context_with, shipped_context

_SQL = "DROP TABLE users"
_SUPABASE = "https://api.supabase.com/v1/projects/p/database/query"
_BIGQUERY = "https://bigquery.googleapis.com/bigquery/v2/projects/p/queries"
_CLICKHOUSE = "http://localhost:8123/?query=DROP%20TABLE%20users"


def _request(url: str, **body: object) -> str:
    return json.dumps({"method": "POST", "url": url, "headers": {}, "body": json.dumps(body)})


def _tool(server: str, tool: str, **arguments: object) -> str:
    return json.dumps({"server": server, "tool": tool, "arguments": arguments})


_WAYS = {
    "psql": ("shell", f"psql shop -c '{_SQL}'", "postgres"),
    "through ssh": ("shell", f"ssh db 'psql shop -c \"{_SQL}\"'", "postgres"),
    "in a container": ("shell", f"docker exec db psql shop -c '{_SQL}'", "postgres"),
    "a vendor's program": ("shell", f"heroku pg:psql -c '{_SQL}'", "postgres"),
    "mysql": ("shell", f"mysql shop -e '{_SQL}'", "mysql"),
    "D1": ("shell", f"wrangler d1 execute shop --command '{_SQL}'", "sqlite"),
    "AWS": (
        "shell",
        f"aws rds-data execute-statement --resource-arn arn:aws:rds:x --secret-arn s --sql '{_SQL}'",
        "sql",
    ),
    "curl": ("shell", f'curl {_SUPABASE} -d \'{{"query":"{_SQL}"}}\'', "postgres"),
    "Supabase by HTTP": ("http", _request(_SUPABASE, query=_SQL), "postgres"),
    "Neon by HTTP": ("http", _request("https://ep-x.eu-1.aws.neon.tech/sql", query=_SQL), "postgres"),
    "BigQuery by HTTP": ("http", _request(_BIGQUERY, query=_SQL), "bigquery"),
    "an address": ("http", json.dumps({"method": "POST", "url": _CLICKHOUSE}), "sql"),
    "Supabase by MCP": ("mcp", _tool("supabase", "execute_sql", project_id="p", query=_SQL), "postgres"),
    "a server nobody knows": ("mcp", _tool("db", "query", sql=_SQL), "sql"),
    "Python": ("python", f"import sqlite3; sqlite3.connect(':memory:').execute('{_SQL}')", "sql"),
    "bare": ("sql", _SQL, "sql"),
}


def _statement(kind: str, text: str, context: Context | None = None) -> Action:
    (found,) = [
        action
        for action in actions_of_input(kind, text, context or shipped_context())
        if action.operation == "sql:run"
    ]
    return found


@pytest.mark.parametrize("way", _WAYS)
def test_sql_is_an_action_of_its_own_with_one_name(way: str) -> None:
    """Whichever way it goes: `sql:run` on `database:ENGINE/TABLE`, and its words are marked."""
    kind, text, engine = _WAYS[way]
    found = _statement(kind, text)
    assert found.resource == f"database:{engine}/users"
    assert Effect.DESTRUCTIVE in found.effects
    assert "`users`" in found.summary
    assert found.evidence


def test_a_request_with_sql_is_still_judged_as_a_request() -> None:
    """Rows about its address see what its SQL does; both actions lie in the same environment."""
    kind, text, _ = _WAYS["Supabase by HTTP"]
    request, statement = actions_of_input(kind, text, shipped_context())
    assert request.resource == "url:supabase/v1/projects/p/database/query"
    assert Effect.DESTRUCTIVE in request.effects
    assert request.environment == statement.environment
    assert statement.attributes["host"] == "api.supabase.com"


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ('hosts = ["api.supabase.com"]', "production"),
        ('resources = ["url:supabase/v1/projects/p/*"]', "production"),
        ('databases = ["prod"]', "production"),
        ('databases = ["other"]', "unresolved"),
    ],
)
def test_the_environment_is_that_of_the_request_and_of_the_database(row: str, wanted: str) -> None:
    """An address that a row claims, and a database that a row claims, place the SQL."""
    context = context_with(f'[[environment]]\nname = "production"\n{row}\n')
    sent = _request(_SUPABASE, query="DELETE FROM prod.users")
    assert _statement("http", sent, context).environment == wanted
