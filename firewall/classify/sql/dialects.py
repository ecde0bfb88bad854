"""SQL dialects by the lexical rules that decide where a string, a comment or a client's command ends.

A wrong guess here hides code in a string, so text of no known dialect is read by several rules and the strictest
answer counts (`read_as`).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family of servers and clients cuts text into tokens, and which parser knows it."""

    name: str
    glot: str = ""
    """The name under which sqlglot knows it; empty: its generic reader."""
    postgres: bool = False
    """PostgreSQL's own grammar reads it."""
    psql: bool = False
    """Its client takes backslash commands up to the end of the line."""
    mysql: bool = False
    """Versioned comments run, the client takes `source`, `system`, `delimiter` and `\\!`."""
    hash_comments: bool = False
    slash_comments: bool = False
    nested_comments: bool = False
    backslashes: bool = False
    """A backslash escapes the next character in every string."""
    double_quotes: bool = False
    """Double quotes make strings, not names."""
    dollars: bool = False
    brackets: bool = False
    triples: bool = False
    raws: bool = False
    """`r'…'` knows no escapes."""
    half_open: bool = False
    """`[a, b)` is a range: brackets need not match."""
    oracle: bool = False
    dots: bool = False
    """Its client takes lines that begin with a dot."""
    tsql: bool = False


ANSI = Dialect("ansi", psql=True, nested_comments=True, dollars=True, dots=True)
_MYSQL = {"mysql": True, "hash_comments": True, "backslashes": True, "double_quotes": True}
MYSQL = Dialect("mysql", "mysql", **_MYSQL)
POSTGRES = Dialect("postgres", "postgres", postgres=True, psql=True, nested_comments=True, dollars=True)
TSQL = Dialect("tsql", "tsql", nested_comments=True, brackets=True, tsql=True)
SQLITE = Dialect("sqlite", "sqlite", brackets=True, dots=True)
ORACLE = Dialect("oracle", "oracle", oracle=True)
_PG = {"psql": True, "nested_comments": True, "dollars": True}
_HIVE = {"backslashes": True, "double_quotes": True, "raws": True}
HIVE = Dialect("hive", "hive", **_HIVE)
ATHENA = Dialect("athena", "athena", nested_comments=True)
_ALL = (
    ANSI,
    MYSQL,
    POSTGRES,
    TSQL,
    SQLITE,
    ORACLE,
    Dialect("mariadb", "mysql", **_MYSQL),
    Dialect("starrocks", "starrocks", half_open=True, **_MYSQL),
    Dialect("doris", "doris", half_open=True, **_MYSQL),
    Dialect("redshift", "redshift", postgres=True, **_PG),
    Dialect("greenplum", "postgres", postgres=True, **_PG),
    Dialect("materialize", "materialize", postgres=True, **_PG),
    Dialect("vertica", "postgres", postgres=True, **_PG),
    Dialect("duckdb", "duckdb", nested_comments=True, dollars=True, dots=True),
    Dialect(
        "bigquery", "bigquery", hash_comments=True, backslashes=True, double_quotes=True, triples=True, raws=True
    ),
    Dialect("snowflake", "snowflake", slash_comments=True, backslashes=True, dollars=True),
    Dialect("clickhouse", "clickhouse", nested_comments=True, hash_comments=True, backslashes=True),
    Dialect("databricks", "databricks", nested_comments=True, dollars=True, **_HIVE),
    Dialect("sparksql", "spark", nested_comments=True, **_HIVE),
    HIVE,
    Dialect("impala", "hive", **_HIVE),
    ATHENA,
    Dialect("trino", "trino", dollars=True),
    Dialect("teradata", "teradata"),
    Dialect("exasol", "exasol"),
    Dialect("db2"),
    Dialect("soql"),
    Dialect("flink"),
)
_NAMED = {dialect.name: dialect for dialect in _ALL}
_ALIASES = {
    "postgresql": "postgres", "pg": "postgres", "psql": "postgres", "pgcli": "postgres", "cockroach": "postgres",
    "cockroachdb": "postgres", "alloydb": "postgres", "neon": "postgres", "supabase": "postgres",
    "timescaledb": "postgres", "yugabyte": "postgres", "yugabytedb": "postgres", "risingwave": "postgres",
    "mycli": "mysql", "tidb": "mysql", "singlestore": "mysql", "aurora-mysql": "mysql",
    "sqlite3": "sqlite", "litecli": "sqlite", "libsql": "sqlite", "turso": "sqlite", "d1": "sqlite",
    "sqlcmd": "tsql", "mssql": "tsql", "sqlserver": "tsql", "t-sql": "tsql", "fabric": "tsql", "mssql-cli": "tsql",
    "invoke-sqlcmd": "tsql",
    "sqlplus": "oracle", "plsql": "oracle", "sqlcl": "oracle",
    "bq": "bigquery", "snowsql": "snowflake", "snow": "snowflake", "clickhouse-client": "clickhouse",
    "clickhouse-local": "clickhouse", "spark": "sparksql", "spark-sql": "sparksql", "beeline": "hive",
    "presto": "trino", "bteq": "teradata", "vsql": "vertica", "impala-shell": "impala",
    "wrangler": "sqlite", "heroku": "postgres", "neonctl": "postgres", "exaplus": "exasol",
}  # fmt: skip


def dialect_named(name: str) -> Dialect | None:
    """Return the dialect of a name, of a client program or of a product; None: nobody knows."""
    key = name.strip().lower()
    return _NAMED.get(_ALIASES.get(key, key))


def read_as(name: str) -> tuple[Dialect, ...]:
    """Return the dialects that text has to be read as: one when it is known, else all whose rules differ."""
    known = dialect_named(name)
    if known is ATHENA:
        return (ATHENA, HIVE)
    return (known,) if known is not None and known is not ANSI else (ANSI, MYSQL, TSQL)
