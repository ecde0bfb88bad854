"""Losses hidden in SQL, family by family, for every dialect that has the trick: none may read as read or write."""

# ruff: noqa: S608 - these texts are judged and never run

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

DROP = "DROP TABLE users"
DELETE = "DELETE FROM users"
UPDATE = "UPDATE users SET a = 1"
TRUNCATE = "TRUNCATE TABLE users"
LOSSES = (DROP, DELETE, UPDATE, TRUNCATE)


@dataclass(frozen=True, slots=True)
class Hidden:
    """One loss in one disguise, as one dialect runs it."""

    family: str
    dialect: str
    text: str


def hidden() -> Iterator[Hidden]:
    """Yield every variant of every family."""
    for family, make in _FAMILIES.items():
        for dialect, text in make():
            yield Hidden(family, dialect, text)


Variants = Iterator[tuple[str, str]]


def _gaps() -> Variants:
    gaps = (
        "/**/",
        "/* x */",
        " -- x\n",
        "\n\t",
        "/* DROP */ ",
        "\u00a0",
        "\r\n",
        "/*;*/",
        "/*'*/",
        '/* " */',
        "\ufeff ",
    )
    for gap, loss in product(gaps, LOSSES):
        for dialect in ("postgres", "mysql", "sqlite", "tsql", "snowflake", ""):
            yield dialect, loss.replace(" ", gap, 2)
    for gap in ("/* a /* b */ c */", "/*/**/*/"):
        yield "postgres", DROP.replace(" ", gap)
        yield "tsql", DROP.replace(" ", gap)
    yield "mysql", "DROP # x\nTABLE users"
    yield "bigquery", "DROP # x\nTABLE users"
    yield "snowflake", "DROP // x\nTABLE users"


def _cases() -> Variants:
    for loss, dialect in product(LOSSES, ("postgres", "mysql", "oracle", "")):
        yield dialect, loss.lower()
        yield dialect, loss.swapcase()
        yield dialect, "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(loss))
        yield dialect, f"  ;;\n{loss};"


def _ctes() -> Variants:
    for change in (
        f"{DELETE} RETURNING *",
        f"{UPDATE} RETURNING *",
        "MERGE INTO users USING v ON true WHEN MATCHED THEN DELETE RETURNING *",
    ):
        yield "postgres", f"WITH d AS ({change}) SELECT * FROM d"
        yield "postgres", f"WITH a AS (SELECT 1), d AS ({change}) SELECT count(*) FROM d, a"
        yield "postgres", f"WITH d AS MATERIALIZED ({change}) TABLE d"
        yield "postgres", f"WITH RECURSIVE d(x) AS ({change}) INSERT INTO log SELECT x FROM d"
        yield "postgres", f"SELECT * FROM (WITH d AS ({change}) SELECT * FROM d) x"
        yield "postgres", f"CREATE TABLE copy AS WITH d AS ({change}) SELECT * FROM d"
        yield "", f"WITH d AS ({change}) SELECT 1"
    for dialect in ("tsql", "mysql", "sqlite", "postgres", "snowflake", ""):
        yield dialect, f"WITH x AS (SELECT 1 AS a) {DELETE} WHERE id IN (SELECT a FROM x)"
        yield dialect, f"WITH x AS (SELECT 1 AS a) {UPDATE}"


def _blocks() -> Variants:
    bodies = ("BEGIN {} ; END", "BEGIN IF true THEN {} ; END IF; END",
    "BEGIN FOR i IN 1..3 LOOP {} ; END LOOP; END",
              "DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP {} ; END LOOP; END", "BEGIN EXECUTE '{}'; END",
              "BEGIN EXECUTE format('{}'); END", "BEGIN EXCEPTION WHEN others THEN {} ; END",
              "<<a>> BEGIN WHILE true LOOP {} ; END LOOP; END", "BEGIN BEGIN {} ; END; END",
              "BEGIN PERFORM 1; EXECUTE 'DR' || 'OP TABLE users'; {}; END")  # fmt: skip
    for body, loss in product(bodies, LOSSES):
        yield "postgres", f"DO $$ {body.format(loss)} $$"
        yield "postgres", f"do $x$ {body.format(loss)} $x$ language plpgsql"
        yield "", f"DO $$ {body.format(loss)} $$;"
    for loss in LOSSES:
        yield "oracle", f"BEGIN {loss}; END;"
        yield "oracle", f"DECLARE x NUMBER; BEGIN EXECUTE IMMEDIATE '{loss}'; END;"
        yield "oracle", "DECLARE s VARCHAR2(9) := 'x'; BEGIN EXECUTE IMMEDIATE s; END;"
        yield "snowflake", f"EXECUTE IMMEDIATE $$ BEGIN {loss}; END $$"
        yield "snowflake", f"DECLARE x INT; BEGIN {loss}; END"
        yield "bigquery", f"BEGIN {loss}; EXCEPTION WHEN ERROR THEN SELECT 1; END"
        yield "bigquery", f"IF true THEN {loss}; END IF"
        yield "bigquery", f"WHILE true DO {loss}; END WHILE"
        yield "tsql", f"IF 1 = 1 {loss}"
        yield "tsql", f"IF 1 = 1 BEGIN {loss} END ELSE BEGIN SELECT 1 END"
        yield "tsql", f"WHILE 1 = 1 BEGIN {loss} END"
        yield "tsql", f"BEGIN TRY {loss} END TRY BEGIN CATCH SELECT 1 END CATCH"


def _prepared() -> Variants:
    for loss in LOSSES:
        yield "postgres", f"PREPARE p AS {loss}; EXECUTE p"
        yield "postgres", f"PREPARE p (int) AS {loss}"
        yield "mysql", f"PREPARE p FROM '{loss}'; EXECUTE p"
        yield "mysql", f"SET @s = '{loss}'; PREPARE p FROM @s; EXECUTE p"
        yield "mysql", "SET @s = CONCAT('DR', 'OP TABLE users'); PREPARE p FROM @s; EXECUTE p"
        yield "mariadb", f"EXECUTE IMMEDIATE '{loss}'"
        yield "tsql", f"EXEC ('{loss}')"
        yield "tsql", f"EXECUTE (N'{loss}')"
        yield "tsql", f"EXEC sp_executesql N'{loss}'"
        yield "tsql", f"DECLARE @s nvarchar(99) = '{loss}'; EXEC (@s)"
        yield "tsql", f"EXEC('{loss[:5]}' + '{loss[5:]}')"
        yield "tsql", f"EXEC ('{loss}') AT other"
        yield "bigquery", f'EXECUTE IMMEDIATE "{loss}"'
        yield "snowflake", f"EXECUTE IMMEDIATE '{loss}'"
        yield "", f"EXECUTE IMMEDIATE '{loss}'"


def _psql() -> Variants:
    for command in ("\\! rm -rf /srv", "\\i x.sql", "\\ir x.sql", "\\include x.sql", "SELECT 'x' \\gexec",
    "SELECT 1 \\g |sh",
                    "\\copy users from program 'id'", "\\copy users to program 'sh'", "\\o |sh", "\\w |sh",
                    "\\setenv PAGER sh",
                    "\\e", "\\set x `id`", "\\echo `id`", "\\prompt `id` x", "SELECT 1\\;DROP TABLE users;",
                    "\\lo_unlink 1",
                    "\\x \\! id", "\\d users \\! id", "\\unknown", "\\ev v", "\\T `id`"):  # fmt: skip
        yield "postgres", command
        yield "postgres", f"SELECT 1;\n{command}\n"
        yield "", command
    for loss in LOSSES:
        yield "postgres", f"\\set s '{loss}'\n:s;"
        yield "postgres", f"\\x\n{loss};"
        yield "postgres", f"\\if true\n{loss};\n\\endif"


def _mysql() -> Variants:
    for command in ("\\! id", "\\. x.sql", "source x.sql", "system id", "SYSTEM rm -rf /srv", "pager sh",
    "\\P sh", "tee /etc/cron.d/x",
                    "edit", "\\e", "SELECT 1\\! id", "Source x"):  # fmt: skip
        yield "mysql", command
        yield "mysql", f"SELECT 1;\n{command}\n"
        yield "mariadb", command
    for loss, mark in product(LOSSES, ("//", "$$", ";;", "|")):
        yield "mysql", f"DELIMITER {mark}\n{loss}{mark}\nDELIMITER ;"
    for loss in LOSSES:
        yield "mysql", f"SELECT 1\\g {loss}\\G"
        yield "mysql", f"\\C utf8\n{loss};"
        yield "mysql", f"\\u other\n{loss};"


def _other_clients() -> Variants:
    for command in (".shell id", ".system id", ".read x.sql", ".output |sh", ".once |sh", ".import '|id' t",
    ".load ./x", ".sh id",
                    ".excel", ".restore x.db", ".unknown"):  # fmt: skip
        yield "sqlite", command
        yield "sqlite", f"SELECT 1;\n{command}\n"
        yield "duckdb", command
    for command in (":r x.sql", "!!id", ":out /etc/cron.d/x", "xp_cmdshell 'id'", "master..xp_cmdshell 'id'"):
        yield "tsql", command
        yield "tsql", f"SELECT 1\nGO\n{command}\n"
    for command in (
        "@x.sql",
        "@@x",
        "HOST id",
        "!id",
        "START x.sql",
        "SPOOL /etc/x.sh",
        "EXEC purge_all",
        "EDIT x",
    ):
        yield "oracle", command
        yield "oracle", f"SELECT 1 FROM dual;\n{command}\n"


def _versioned() -> Variants:
    for loss, dialect in product(LOSSES, ("mysql", "mariadb", "")):
        yield dialect, f"/*!50000 {loss} */"
        yield dialect, f"/*! {loss} */;"
        yield dialect, f"SELECT 1 /*!; {loss} */"
        yield dialect, f"/*!50000 {loss.split()[0]} */ {loss.partition(' ')[2]}"
        yield dialect, f"/*!00000{loss}*/"
        yield dialect, f"/*!99999 {loss} */"
    for dialect in ("mysql", "mariadb"):
        yield dialect, f"{UPDATE} /*!99999 WHERE id = 1 */"
        yield dialect, f"{UPDATE} /*!50000 WHERE id = 1 OR 1=1 */"
        yield dialect, "/*M! DROP TABLE users */"
        yield dialect, "/*M!100000 DROP TABLE users */"


def _explained() -> Variants:
    for loss, head in product((DELETE, UPDATE, f"WITH d AS ({DELETE} RETURNING 1) SELECT * FROM d"),
                              ("EXPLAIN ANALYZE", "EXPLAIN ANALYSE", "EXPLAIN (ANALYZE)",
                              "EXPLAIN (ANALYZE, VERBOSE, BUFFERS)",
                               "EXPLAIN (FORMAT JSON, ANALYZE true)", "EXPLAIN (ANALYZE 1)",
                               "EXPLAIN (ANALYZE on)",
                               "EXPLAIN (analyze, COSTS off)", "explain analyze verbose", "EXPLAIN/**/ANALYZE",
                               "EXPLAIN (ANALYZE off, ANALYZE on)", "EXPLAIN ( ANALYZE 'true' )")):  # fmt: skip
        yield "postgres", f"{head} {loss}"
        yield "", f"{head} {loss}"
    yield "mysql", f"ANALYZE {DELETE}"
    yield "mariadb", f"ANALYZE FORMAT=JSON {UPDATE}"
    yield "mysql", f"DESC ANALYZE {DELETE}"


def _letters() -> Variants:
    for word in ("DR\u041eP", "\uff24\uff32\uff2f\uff30", "DRO\u200bP", "D\u0280OP", "DR\u00adOP",
    "\u200bDROP", "DROP\u200b", "dr\u03bfp",
                 "\u1d05ROP", "DR\u0300OP"):  # fmt: skip
        yield "postgres", f"{word} TABLE users"
        yield "mysql", f"{word} TABLE users"
        yield "", f"SELECT 1; {word} TABLE users"
    for quote in ("\u2018", "\u2019", "\u02bc", "\uff07", "\u201c"):
        yield "postgres", f"SELECT {quote}; {DROP}; --{quote}"
        yield "mysql", f"SELECT {quote}a{quote}; {DELETE}"
    for name in ("pg_terminate_b\u0430ckend", "dbl\u0456nk_exec", "\uff44blink_exec"):
        yield "postgres", f"SELECT {name}('x', 'y')"


def _several() -> Variants:
    for first, loss in product(("SELECT 1", "SELECT ';'", "SELECT '/*'", 'SELECT "--"', "BEGIN",
    "SET x = 1", "-- x\n", "/* ; */",
                                "SELECT $$;$$", "SELECT 'it''s'", "INSERT INTO t VALUES (1)",
                                "SELECT '--'"), LOSSES):  # fmt: skip
        yield "postgres", f"{first}; {loss}"
        yield "", f"{first};{loss};"
        yield "sqlite", f"{first};\n{loss}"
    for loss in LOSSES:
        yield "tsql", f"SELECT 1 {loss}"
        yield "tsql", f"SELECT 1\nGO\n{loss}\nGO"
        yield "tsql", f"DECLARE @x int = 1 {loss}"
        yield "tsql", f"PRINT 'x' {loss}"
        yield "tsql", f"SELECT * FROM [a]] b] {loss}"
        yield "mysql", f"SELECT 'a\\'; -- '; {loss}"
        yield "", f"SELECT '\\'; {loss}; --'"
        yield "", f'SELECT "\\"; {loss}; --"'


def _quotes() -> Variants:
    for loss in LOSSES:
        yield "postgres", f"SELECT $a$ $$ $a$; {loss}"
        yield "postgres", f"SELECT E'\\'; {loss}; --'; {loss}"
        yield "postgres", f"SELECT '\\'; {loss}; --'"
        yield "postgres", f"SELECT U&'\\0027'; {loss}"
        yield "postgres", f"SELECT $$'$$; {loss}; SELECT $$'$$"
        yield "snowflake", f"SELECT $$'$$; {loss}"
        yield "oracle", f"SELECT q'[']' FROM dual; {loss}"
        yield "oracle", f"SELECT q'!'!' FROM dual; {loss}"
        yield "bigquery", f"SELECT '''it's'''; {loss}"
        yield "bigquery", f"SELECT r'\\'; {loss}; SELECT r'\\'"
        yield "tsql", f"SELECT [']; {loss}; SELECT [']"
        yield "mysql", f"SELECT `'`; {loss}; SELECT `'`"
    yield "postgres", 'SELECT U&"pg_\\0074erminate_backend"(1)'
    yield "postgres", 'SELECT "pg_catalog"."pg_terminate_backend"(1)'


def _conditions() -> Variants:
    for condition in ("1 = 1", "true", "TRUE OR id = 3", "id = 3 OR 1=1", "id = id", "NOT false", "1",
    "'a' = 'a'", "(((1=1)))", "2 > 1",
                      "id IS NULL OR id IS NOT NULL", "id = 1 OR id <> 1", "name LIKE '%'",
                      "EXISTS (SELECT 1)", "1 IN (1, 2)",
                      "1 BETWEEN 0 AND 2", "id IS NOT NULL", "id > 0", "NOT (1 = 2)", "id > 5 OR id <= 5",
                      "1=1 AND 2=2",
                      "/* id = 3 */ 1=1", "1=1 -- AND id = 3"):  # fmt: skip
        for dialect in ("postgres", "mysql", "tsql", ""):
            yield dialect, f"{UPDATE} WHERE {condition}"


def _functions() -> Variants:
    for call in ("pg_terminate_backend(1)", "pg_cancel_backend(1)", "dblink_exec('c', 'DROP TABLE users')",
    "lo_unlink(1)",
                 "dblink('c', 'DELETE FROM users RETURNING 1')",
                 "query_to_xml('DELETE FROM users', true, true, '')",
                 "pg_read_file('/etc/passwd')", "pg_drop_replication_slot('x')", "lo_export(1, '/x')",
                 "pg_ls_dir('/')",
                 "delete_all_users()", "purge(1), drop_everything()", "exec_sql('x')",
                 "cron.schedule('* * * * *', 'DROP TABLE users')",
                 "query_to_xml('DR' || 'OP TABLE users', true, true, '')", "drop_chunks('t')",
                 "app.truncate_tables()",
                 "run_command_on_workers('DROP TABLE users')",
                 '"dblink_exec"(\'c\', \'DROP TABLE users\')'):  # fmt: skip
        yield "postgres", f"SELECT {call}"
        yield "postgres", f"SELECT * FROM {call} AS x"
        yield "", f"SELECT a FROM t WHERE {call} IS NULL"
        yield "postgres", f"INSERT INTO t SELECT {call}"
        yield "postgres", f"CREATE TABLE x AS SELECT {call}"
    for call in ("sys_exec('id')", "LOAD_FILE('/etc/shadow')", "sys_eval('id')"):
        yield "mysql", f"SELECT {call}"
        yield "mysql", f"DO {call}"
    for call in (
        "load_extension('x')",
        "readfile('/etc/shadow')",
        "writefile('/x.sh', 'y')",
        "edit('x')",
        "eval('DROP TABLE users')",
    ):
        yield "sqlite", f"SELECT {call}"
    for query in ("DELETE FROM users", "DROP TABLE users", "EXEC p"):
        yield "tsql", f"SELECT * FROM OPENQUERY(s, '{query}')"
        yield "tsql", f"SELECT * FROM OPENROWSET('p', 'c', '{query}')"
    yield "oracle", "SELECT dbms_xmlgen.getxml('DELETE FROM users') FROM dual"
    yield "bigquery", "SELECT * FROM EXTERNAL_QUERY('c', 'DELETE FROM users')"
    yield "snowflake", "SELECT SYSTEM$ABORT_SESSION(1)"


def _files() -> Variants:
    for command in ("COPY t TO PROGRAM 'sh'", "COPY t FROM PROGRAM 'id'", "COPY (SELECT 'x') TO PROGRAM 'sh'",
    "copy t from program $$id$$",
                    "COPY t TO '/etc/cron.d/x'", "COPY (SELECT 1) TO '/root/.ssh/authorized_keys'",
                    "COPY (DELETE FROM t RETURNING *) TO STDOUT",
                    "COPY t (a) FROM PROGRAM 'id' WITH CSV", "LOAD 'x.so'", "COPY/**/t/**/TO/**/PROGRAM/**/'sh'",
                    "COPY t FROM PROGRAM E'id'"):  # fmt: skip
        yield "postgres", command
        yield "", command
    for tail in (
        "INTO OUTFILE '/var/www/x.php'",
        "INTO DUMPFILE '/x.so'",
        "INTO/**/OUTFILE/**/'/x.php'",
        "into outfile '/etc/cron.d/x'",
    ):
        yield "mysql", f"SELECT 'x' {tail}"
        yield "mysql", f"SELECT a FROM t WHERE b = 1 {tail}"
    for loss in (
        "INSERT OVERWRITE INTO users SELECT 1",
        "LOAD DATA OVERWRITE users FROM FILES (uris = ['x'])",
        "REMOVE @s",
        "VACUUM users RETAIN 0 HOURS",
    ):
        for dialect in ("snowflake", "bigquery", "databricks"):
            if not loss.startswith("VACUUM") or dialect == "databricks":
                yield dialect, loss


def _stored() -> Variants:
    for loss in LOSSES:
        yield "postgres", f"CREATE FUNCTION f() RETURNS void AS $$ {loss} $$ LANGUAGE sql; SELECT f()"
        yield "postgres", f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {loss}; END $$"
        yield (
            "postgres",
            f"CREATE OR REPLACE FUNCTION f() RETURNS trigger AS '{loss}; RETURN NEW;' LANGUAGE plpgsql",
        )
        yield (
            "postgres",
            f"CREATE RULE r AS ON INSERT TO t DO INSTEAD {loss}" if loss != DROP else f"DO $$BEGIN {loss}; END$$",
        )
        yield "mysql", f"CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW {loss}"
        yield "mysql", f"CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW BEGIN SET @x = 1; {loss}; END"
        yield "mysql", f"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO {loss}"
        yield "mysql", f"CREATE PROCEDURE p() BEGIN {loss}; END; CALL p()"
        yield "mysql", f"CREATE FUNCTION f() RETURNS INT BEGIN {loss}; RETURN 1; END"
        yield "sqlite", f"CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; {loss}; END"
        yield "snowflake", f"CREATE TASK k SCHEDULE = '1 minute' AS {loss}"
        yield "oracle", f"CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW BEGIN {loss}; END;"
        yield "tsql", f"CREATE TRIGGER r ON t AFTER INSERT AS {loss}"


def _alters() -> Variants:
    for dialect in ("postgres", "mysql", "tsql", "snowflake", ""):
        yield dialect, "ALTER TABLE users DROP COLUMN email"
        yield dialect, "ALTER TABLE users ADD a INT, DROP COLUMN email"
        yield dialect, "alter/**/table/**/users/**/drop/**/column/**/email"
    for clause in ("DROP email", "ALTER email TYPE int USING 0", "ALTER COLUMN email SET DATA TYPE date",
    "DROP CONSTRAINT pk",
                   "SET UNLOGGED", "ALTER a TYPE text USING left(a, 1)"):  # fmt: skip
        yield "postgres", f"ALTER TABLE users {clause}"
        yield "postgres", f"ALTER TABLE IF EXISTS ONLY public.users ADD b int, {clause}"
    for clause in ("DROP PARTITION p", "TRUNCATE PARTITION p", "DISCARD TABLESPACE", "MODIFY a INT",
    "CHANGE a b DATE", "DROP INDEX i",
                   "ENGINE=BLACKHOLE", "DROP PRIMARY KEY"):  # fmt: skip
        yield "mysql", f"ALTER TABLE users {clause}"
    yield "mysql", "CREATE OR REPLACE TABLE users (a INT)"
    yield "snowflake", "CREATE OR REPLACE TRANSIENT TABLE users AS SELECT 1 AS a"
    yield "bigquery", "CREATE/**/OR/**/REPLACE/**/TABLE users AS SELECT 1 AS a"
    yield "tsql", "ALTER TABLE users SET (SYSTEM_VERSIONING = OFF)"
    yield "clickhouse", "ALTER TABLE users DELETE WHERE 1"


def _broken() -> Variants:
    for loss in LOSSES:
        yield "postgres", f"SELECT '{loss}"
        yield "postgres", f"/* {loss}"
        yield "postgres", f"SELECT $$ {loss}"
        yield "mysql", f'SELECT "{loss}'
        yield "", f"SELECT ({loss}"
        yield "", f"\0{loss}"
    yield "postgres", ""
    yield "", "   "
    yield "", "EXECUTE"
    yield "", "nonsense that is no statement"


_FAMILIES = {
    "comments and blanks": _gaps,
    "case": _cases,
    "common table expressions": _ctes,
    "blocks": _blocks,
    "prepared and dynamic": _prepared,
    "psql": _psql,
    "mysql": _mysql,
    "other clients": _other_clients,
    "versioned comments": _versioned,
    "explain analyze": _explained,
    "letters and quotes of other scripts": _letters,
    "several statements": _several,
    "quotes": _quotes,
    "conditions": _conditions,
    "functions": _functions,
    "files and programs": _files,
    "stored code": _stored,
    "lossy alterations": _alters,
    "broken text": _broken,
}
