"""SQL of every dialect and GraphQL that is made to keep a reader busy."""

import json
from collections.abc import Iterator

from tests.support.hostile.case import Hostile, text

DIALECTS = (
    "",
    "postgres",
    "mysql",
    "sqlite",
    "snowflake",
    "bigquery",
    "tsql",
    "redshift",
    "clickhouse",
    "oracle",
    "duckdb",
    "spark",
)
SQL = {
    "many statements": "DROP TABLE a;" * 1_800,
    "many small statements": "a;" * 12_000,
    "many deletes": "DELETE FROM a WHERE b = 1;" * 900,
    "brackets": "SELECT " + "(" * 4_000 + "1" + ")" * 4_000,
    "selects within selects": "SELECT * FROM (" * 900 + "SELECT 1" + ") a" * 900,
    "operators": "SELECT * FROM a WHERE " + "b = 1 OR " * 2_600 + "c = 2",
    "additions": "SELECT " + "1 + " * 6_000 + "1",
    "unions": "SELECT 1 UNION " * 1_600 + "SELECT 2",
    "common tables": "WITH " + "a AS (SELECT 1), " * 1_300 + "b AS (DELETE FROM c RETURNING 1) SELECT 1",
    "common tables within": "WITH a AS (" * 700 + "DELETE FROM b RETURNING 1" + ") SELECT 1" * 700,
    "cases": "SELECT " + "CASE WHEN a THEN " * 1_300 + "1" + " END" * 1_300,
    "columns": "SELECT " + "a, " * 8_000 + "b FROM c",
    "values": "INSERT INTO a VALUES " + "(1, 'b'), " * 2_400 + "(1, 'c')",
    "joins": "SELECT * FROM a " + "JOIN b ON c = d " * 1_400,
    "functions": "SELECT " + "f(" * 3_000 + "1" + ")" * 3_000,
    "not": "SELECT " + "NOT " * 5_900 + "a",
    "minus": "SELECT " + "- " * 11_000 + "a",
    "in": "DELETE FROM a WHERE b IN (" + "1, " * 7_000 + "2)",
    "comments": "/*" * 11_000 + "*/",
    "comments that run": "/*!50000 DROP TABLE a */;" * 900,
    "line comments": "--\n" * 7_900,
    "dollar quotes": "DO $a$ " + "BEGIN EXECUTE 'DROP TABLE a'; END;" * 600 + "$a$",
    "blocks within blocks": "DO $$ BEGIN " + "IF a THEN " * 900 + "DROP TABLE b; " + "END IF; " * 900 + "END $$",
    "dollar quotes within": "".join(f"DO $a{index}$ " for index in range(300)) + "DROP TABLE a",
    "executes": "EXECUTE 'EXECUTE ''DROP TABLE a''';" * 600,
    "prepares": "PREPARE a AS DELETE FROM b; EXECUTE a;" * 500,
    "explains": "EXPLAIN ANALYZE " * 1_400 + "DELETE FROM a",
    "client commands": "\\! rm a\n" * 2_600,
    "sources": "\\i a.sql\n" * 2_400,
    "copies": "COPY a FROM PROGRAM 'rm b';" * 800,
    "merges": "MERGE INTO a USING b ON c WHEN MATCHED THEN DELETE;" * 400,
    "alters": "ALTER TABLE a " + "DROP COLUMN b, " * 1_500 + "DROP COLUMN c",
    "grants": "GRANT ALL ON a TO b;" * 1_100,
    "one long statement of alters": "ALTER TABLE a ALTER COLUMN b TYPE int;" * 600,
    "casts": "SELECT a" + "::int" * 4_500,
    "indexes": "SELECT a" + "[1]" * 7_000,
    "arrays": "SELECT " + "ARRAY[" * 3_000 + "1" + "]" * 3_000,
    "long name": "DROP TABLE " + "a" * 23_000,
    "dotted name": "DROP TABLE " + "a." * 11_000 + "b",
    "quotes": "'" * 23_000,
    "open quotes": "SELECT '" + "a''" * 7_000,
    "backslashes": "SELECT E'" + "\\'" * 11_000,
    "garbage": "SELECT ( CASE [ ] :: $$ ' \" -- /* " * 600,
    "garbage of signs": "=<>!+-*/%^&|~#@?" * 1_400,
    "garbage of keywords": "SELECT FROM WHERE DROP DELETE UPDATE TABLE " * 500,
    "begin end": "BEGIN " * 3_900,
    "if else": "IF a BEGIN DROP TABLE b END ELSE " * 600,
    "declares": "DECLARE @a varchar(9) = 'DROP TABLE b'; EXEC(@a);" * 400,
    "variables that double": "SET @a = 'x';" + "SET @a = CONCAT(@a, @a);" * 900 + "PREPARE b FROM @a;",
    "megabytes": "DROP TABLE a;" * 300_000,
    "3 KB of brackets": "SELECT " + "(" * 1_400 + "1" + ")" * 1_400,
    "3 KB of operators": "SELECT * FROM a WHERE " + "b = 1 OR " * 320 + "c = 2",
    "3 KB of selects": "SELECT * FROM (" * 140 + "SELECT 1" + ") a" * 140,
    "3 KB of statements": "DELETE FROM a WHERE b = 1;" * 110,
    "3 KB of columns": "SELECT " + "a, " * 950 + "b FROM c",
    "3 KB of cases": "SELECT " + "CASE WHEN a THEN " * 130 + "1" + " END" * 130,
    "3 KB of unions": "SELECT 1 UNION " * 190 + "SELECT 2",
    "3 KB of tables": "CREATE TABLE a (" + "b int, " * 400 + "c int)",
    "3 KB of merges": "MERGE INTO a USING b ON c = d WHEN MATCHED THEN DELETE;" * 52,
    "3 KB of functions": "SELECT " + "f(" * 950 + "1" + ")" * 950,
    "3 KB of not": "SELECT " + "NOT " * 720 + "a",
    "3 KB of common tables": "WITH " + "a AS (SELECT 1), " * 165 + "b AS (SELECT 2) SELECT 1",
}
GRAPHQL = {
    "fields": "mutation { " + "volumeDelete(id: 1) " * 1_900 + "}",
    "aliases": "mutation { " + "".join(f"a{index}: volumeDelete(id: 1) " for index in range(1_300)) + "}",
    "levels": "query { " + "a { " * 3_000 + "b" + " }" * 3_000 + " }",
    "fragments that double": "mutation { ...F0 }"
    + "".join(f"fragment F{index} on M {{ ...F{index + 1} ...F{index + 1} }}" for index in range(300))
    + "fragment F300 on M { volumeDelete }",
    "fragments in a circle": "mutation { ...F } fragment F on M { ...F ...F volumeDelete }",
    "inline fragments": "mutation { " + "... on M { " * 1_200 + "volumeDelete" + " }" * 1_200 + " }",
    "lists": "mutation { a(b: " + "[" * 3_000 + "1" + "]" * 3_000 + ") }",
    "objects": "mutation { a(b: " + "{c: " * 3_000 + "1" + "}" * 3_000 + ") }",
    "many arguments": "mutation { a(" + "b: 1 " * 1_900 + ") }",
    "operations": "mutation A { volumeDelete(id: 1) } " * 700,
    "variables": "mutation(" + "$a: ID = 1 " * 1_400 + ") { b }",
    "variable types": "mutation($a: " + "[" * 3_000 + "ID" + "]" * 3_000 + ") { b }",
    "directives": "mutation { a " + "@skip(if: true) " * 1_400 + "}",
    "strings": 'mutation { a(b: "' + "\\u0041" * 10_000 + '") }',
    "block strings": 'mutation { a(b: """' + "\n   a" * 12_000 + '""") }',
    "block strings of blanks": 'mutation { a(b: """' + "\n" * 60_000 + '""") }',
    "comments": "#a\n" * 20_000 + "{ a }",
    "commas": "," * 65_000,
    "garbage": "{ ( [ } ) ] ... @ $ : ! | & = " * 2_000,
    "long name": "mutation { " + "a" * 65_000 + " }",
    "types": "type A { a: B } " * 700,
    "megabytes": "mutation { a } " * 200_000,
}


def cases() -> Iterator[Hostile]:
    """Yield every case."""
    for dialect in DIALECTS:
        for name, content in SQL.items():
            yield text("sql", name, content, dialect)
    for name, content in GRAPHQL.items():
        yield text("graphql", name, content)
    endpoint = "https://backboard.railway.app/graphql/v2"
    document = "mutation($a: X) { variableCollectionUpsert(input: $a) }"
    for name, value in (
        ("deep variables", json.loads("[" * 300 + "]" * 300)),
        ("wide variables", {f"a{index}": index for index in range(40_000)}),
        ("long variables", "a" * 480_000),
        ("many objects", [{"a": 1, "b": [2]}] * 30_000),
    ):
        body = {"endpoint": endpoint, "query": document, "variables": {"a": value}}
        yield text("graphql", name, json.dumps(body))
