"""Rows on their way in and out: COPY, UNLOAD, EXPORT, LOAD, IMPORT, GET, PUT."""

from firewall.classify.draft import shown
from firewall.classify.sql.functions import check_calls, inner_source
from firewall.classify.sql.lexer import STRING, literal
from firewall.classify.sql.places import file_effects, is_away, read_effects
from firewall.classify.sql.reading import DESTRUCTIVE, EXEC, EXFIL, READ, UNKNOWN, WRITE, Statement


def first_text(statement: Statement, start: int = 0) -> tuple[str, int]:
    """Return the first literal from an index on and where it stands; -1: there is none."""
    for index in range(start, len(statement.tokens)):
        if statement.tokens[index].kind == STRING:
            return literal(statement.tokens[index], statement.dialect)[0], index
    return "", -1


def read_copy(statement: Statement) -> None:
    """Judge COPY of PostgreSQL and its kin, COPY INTO of warehouses, COPY FILES."""
    if statement.word(1) == "INTO":
        _copy_into(statement)
        return
    if statement.word(1) == "FILES":
        statement.say({WRITE}, "copies files between stages", at=(0, 2))
        return
    if statement.sign(1) == "(":
        close = statement.closing(1)
        statement.judge(statement.part(2, close))
        name, behind = "a query's rows", close + 1
    else:
        name, behind = statement.name(statement.skip(1, {"BINARY"}))
        statement.touch(name)
        if statement.sign(behind) == "(":
            behind = statement.closing(behind) + 1
    _copy_ends(statement, behind, name)


def _copy_ends(statement: Statement, at: int, name: str) -> None:
    at = next((index for index, word in statement.outside(at) if word in ("TO", "FROM")), -1)
    where = statement.word(at + 1)
    path, index = first_text(statement, at + 1)
    span = (0, max(index + 1, at + 2))
    if at < 0:
        statement.say({UNKNOWN}, f"copies {shown(name)} in a way that is not understood", at=(0, 2))
    elif where == "PROGRAM":
        statement.say({EXEC, UNKNOWN}, f"runs {shown(path)} on the server's machine", at=(at, index + 1))
        statement.reading.miss("what the program does")
    elif statement.word(at) == "FROM":
        statement.say(read_effects(path), f"loads rows into {shown(name)}", at=span)
    elif where in ("STDOUT", "PSTDOUT"):
        statement.say({READ}, f"prints the rows of {shown(name)}", at=span)
    elif is_away(path):
        statement.say({EXFIL}, f"copies {shown(name)} to {shown(path)}", at=span)
    else:
        effects = file_effects(path) if path else {UNKNOWN}
        statement.say(effects, f"writes the rows of {shown(name)} to the file {shown(path)}", at=span)


def _copy_into(statement: Statement) -> None:
    token = statement.tokens[2] if len(statement.tokens) > 2 else statement.tokens[-1]
    path = literal(token, statement.dialect)[0] if token.kind == STRING else token.text
    if token.kind == STRING:
        statement.say({EXFIL if is_away(path) else WRITE}, f"unloads rows to {shown(path)}", at=(0, 3))
    elif path.startswith("@"):
        statement.say({WRITE}, "unloads rows to a stage", at=(0, 3))
        statement.reading.miss("whether the stage lies outside")
    else:
        statement.say({WRITE}, f"loads rows into {shown(statement.name(2)[0])}", at=(0, 3))
        statement.touch(statement.name(2)[0])
    query = statement.find("SELECT")
    if query > 0:
        check_calls(statement.part(query))


def read_unload(statement: Statement) -> None:
    """Judge UNLOAD and EXPORT: rows leave for storage; the query behind is read as well."""
    texts = [index for index, token in enumerate(statement.tokens) if token.kind == STRING]
    paths = [literal(statement.tokens[index], statement.dialect)[0] for index in texts]
    local = statement.words(0, 2) == ("EXPORT", "DATABASE")
    effects = {WRITE} if local and not any(map(is_away, paths)) else {EXFIL}
    place = next((path for path in paths if is_away(path)), "")
    if _overwrites(statement):
        effects = {*effects, DESTRUCTIVE}
    statement.say(effects, f"writes rows out to {shown(place)}" if place else "writes rows out", at=(0, 2))
    if statement.sign(1) == "(" and texts and texts[0] == 2:
        token = statement.tokens[texts[0]]
        text, offset = literal(token, statement.dialect)
        statement.recurse(statement, inner_source(statement, text, offset, start=token.start, end=token.end))
    query = statement.find("SELECT")
    if query > 0:
        check_calls(statement.part(query))


def _overwrites(statement: Statement) -> bool:
    """Tell whether what is at the destination already is replaced or removed."""
    if statement.has("ALLOWOVERWRITE") or statement.has("CLEANPATH"):
        return True
    at = statement.find("OVERWRITE")
    return at > 0 and statement.sign(at + 1) in ("=", "") and statement.word(at + 2) == "TRUE"


def read_put(statement: Statement) -> None:
    """Judge Snowflake's PUT: files go to a stage; with OVERWRITE they replace what is there."""
    if _overwrites(statement):
        statement.say({DESTRUCTIVE}, "uploads files to a stage over those of the same name", at=(0, 2))
    else:
        statement.say({WRITE}, "uploads files to a stage", at=(0, 2))


def read_load(statement: Statement) -> None:
    """Judge LOAD: data into a table, or a library into the server."""
    path, index = first_text(statement, 1)
    if statement.word(1) in ("DATA", "XML"):
        if statement.has("OVERWRITE"):
            statement.say({DESTRUCTIVE}, "overwrites a table with what it loads", at=(0, index + 1))
        else:
            statement.say(read_effects(path), f"loads {shown(path)} into a table", at=(0, max(index + 1, 2)))
    elif statement.words(1, 3) == ("INDEX", "INTO", "CACHE"):
        statement.say({WRITE}, "fills a cache", at=(0, 4))
    else:
        statement.say({EXEC}, f"loads code into the server: {shown(path)}", at=(0, 2))
        statement.reading.miss("what the loaded code does")


def read_get(statement: Statement) -> None:
    """Judge GET: in MySQL it asks for diagnostics, in Snowflake it downloads files."""
    if statement.word(1) in ("DIAGNOSTICS", "STACKED", "CURRENT"):
        statement.say({READ}, "asks for diagnostics", at=(0, 2))
    else:
        statement.say({WRITE}, "downloads files of a stage", at=(0, 2))


def read_import(statement: Statement) -> None:
    """Judge IMPORT and BULK INSERT."""
    statement.say({WRITE}, "loads data or definitions", at=(0, 3))
