"""Commands of database clients: psql's backslashes, mysql's words, sqlite's dots, sqlplus' and sqlcmd's lines."""

import re

from firewall.classify.draft import Source, shown
from firewall.classify.sql.lexer import CLIENT
from firewall.classify.sql.places import file_effects
from firewall.classify.sql.reading import (
    DESTRUCTIVE,
    EXEC,
    PRIVILEGE,
    READ,
    UNKNOWN,
    WRITE,
    Statement,
    wordset,
)
from firewall.core.effect import Effect

_RUNS = frozenset({EXEC, UNKNOWN})
_PSQL_READS = re.compile(
    r"d\w*[+S]*|l\+?|list|conninfo|timing|x|z|q|quit|\?|h|help|echo|warn|qecho|prompt|pset|a|C|f|H|t|T|r|reset|p|print|"
    r"encoding|unset|if|elif|else|endif|gset|gdesc|errverbose|sf\+?|sv\+?|cd|watch|crosstabview|bind|bind_named|parse|"
    r"close_prepared|copyright|html|s|G|g|gx|flush|startpipeline|endpipeline|sync|getresults|W|w|c|n|R"
)
_READ_WORDS = wordset(
    """tables schema databases indexes indices mode headers header quit exit help show fullschema dump print echo
    separator nullvalue width timer explain eqp stats changes bail prompt timeout lint sha3sum limit vfslist
    vfsinfo vfsname scanstats parameter progress nonce recover dbinfo auth binary crlf columns maxrows
    maxwidth rows highlight status warnings nowarning notee nopager rehash charset ego go rem remark column
    define undefine accept variable ttitle btitle whenever conninfo pause timing clear setvar on error list ed
    exit describe desc large_number_rendering display_colors thousand_sep decimal_sep"""
)
_RUN_WORDS = wordset(
    """shell sh system host source read load start r connect_exec edit run pager get testctrl filectrl dbconfig
    import_cmd www excel e"""
)
_FILE_WORDS = wordset("output once tee spool out save backup clone store log trace o w dump_to")
_MOVE_WORDS = wordset("open connect conn c u use attach")
_DANGER = re.compile(
    r"\b(?:drop|delete|truncate|alter|grant|update|insert|create|exec|call|copy|do)\b|;", re.IGNORECASE
)


def read_client(statement: Statement) -> None:
    """Judge one client command."""
    first = statement.tokens[0]
    if first.kind == CLIENT:
        _backslash(statement, first.text[1:], first.start + 1)
        return
    end = statement.tokens[-1].end
    if first.key == ".":
        # What the words of SQL take for a comment (`.open --new x.db`) is an option here.
        newline = statement.source.text.find("\n", first.start)
        end = newline if newline >= 0 else len(statement.source.text)
    text = statement.source.text[first.start : end].lstrip(".:")
    if first.key in ("!", "@", "/") or first.text.startswith("@"):
        told = (
            "runs the last statement again"
            if text.strip() == "/"
            else f"runs {shown(text)} from a file or a shell"
        )
        statement.say({READ} if text.strip() == "/" else _RUNS, told, at=(0, len(statement.tokens)))
        if text.strip() != "/":
            statement.reading.miss("what the client command runs")
        return
    name, _, rest = text.partition(" ")
    _named(statement, name.lower(), rest.strip())


def _named(statement: Statement, name: str, rest: str) -> None:
    """Judge a command that is a word: sqlite's, mysql's, sqlplus', sqlcmd's."""
    whole = (0, len(statement.tokens))
    if "|" in rest or name in _RUN_WORDS or "`" in rest:
        statement.say(
            _RUNS, f"runs {shown(f'{name} {rest}')}, a command or file of the client's machine", at=whole
        )
        statement.reading.miss("what the client command runs")
    elif name == "go":
        statement.say({READ}, "ends a batch", at=whole)
    elif name in ("exec", "execute"):
        statement.say({EXEC}, f"runs the routine {shown(rest)}", at=whole)
        statement.recurse(statement.part(0, block=True), _tail(statement, rest))
    elif name in _FILE_WORDS:
        effects = (
            file_effects(rest.rsplit(" ", maxsplit=1)[-1].strip("'\""))
            if rest and rest.lower() not in ("off", "stdout")
            else {READ}
        )
        statement.say(effects, f"writes to the file {shown(rest)}", at=whole)
        _opens(statement, rest)
    elif name in _MOVE_WORDS:
        empties = "--new" in rest.split()
        told = "empties a database and goes on with it" if empties else "goes on with another database"
        statement.say({DESTRUCTIVE if empties else READ}, told, at=whole)
        statement.reading.moved = True
        _opens(statement, rest)
    elif name in ("restore", "archive", "ar", "restore_from"):
        statement.say({DESTRUCTIVE}, f"overwrites data from {shown(rest)}", at=whole)
    elif name in ("import", "set"):
        statement.say({WRITE}, f"loads or sets {shown(rest)}", at=whole)
    elif name == "password":
        statement.say({PRIVILEGE}, "changes a password", at=whole)
    elif name in _READ_WORDS:
        statement.say({READ}, "shows or sets how things are shown", at=whole)
    else:
        statement.say(_RUNS, f"a client command that is not known: {shown(name)}", at=whole)


def _opens(statement: Statement, rest: str) -> None:
    """Note the file that a command names last."""
    path = rest.rpartition(" ")[2].strip("'\"")
    if statement.dialect.dots and path:
        statement.reading.files.append(path)


def _tail(statement: Statement, rest: str) -> Source:
    end = statement.tokens[-1].end
    return statement.source.part(rest, end - len(rest), end)


MAX_IN_LINE = 8
"""How many backslash commands of one line are read."""


def _backslash(statement: Statement, text: str, start: int, *, left: int = MAX_IN_LINE) -> None:
    r"""Judge psql's and mysql's `\x`; several may stand in one line."""
    name = re.match(r"[A-Za-z_]+[+S]*|[!.?#;]|", text)
    word = name.group() if name else ""
    rest = text[len(word) :].strip()
    effects, told = _backslash_effects(statement, word, rest)
    if "`" in rest or (rest.startswith("|") and word != "d"):
        effects, told = set(_RUNS), f"runs {shown(rest)} in a shell"
    statement.say(effects, told, at=(0, 1))
    if effects & _RUNS:
        statement.reading.miss("what the client command runs")
    if word == "copy" and not effects & _RUNS:
        _copy(statement, text, start)
    again = re.search(r"\\(?=[A-Za-z!.])", rest)
    if again and word not in ("copy", "set", "echo", "prompt"):
        offset = start + text.index(rest) + again.start()
        tail = rest[again.start() + 1 :]
        if left:
            _backslash(statement, tail, offset + 1, left=left - 1)
        else:
            statement.say({UNKNOWN}, "holds more commands in one line than are read", at=(0, 1))


def _copy(statement: Statement, text: str, start: int) -> None:
    r"""Judge `\copy` as the COPY that it is, with files of the client's machine."""
    statement.recurse(statement, statement.source.part(text, start, start + len(text)))


_FILE_MARKS = wordset("o out w write g gx s")
_RUN_MARKS = wordset("! . i ir include include_relative gexec e ef ev edit setenv P T")
_CONNECTS = wordset("connect c u r")


def _backslash_effects(statement: Statement, word: str, rest: str) -> tuple[set[Effect], str]:
    if word == "copy" and not re.search(r"\bprogram\b", rest, re.IGNORECASE):
        return {READ}, "copies between a table and a file"
    if word in _RUN_MARKS or word == "copy":
        return set(_RUNS), f"runs a shell, a program, a file or generated SQL: {shown(word + ' ' + rest)}"
    if word in _FILE_MARKS and rest and not rest.startswith(("(", "|", "\\")):
        return file_effects(rest.rsplit(maxsplit=1)[-1]), f"writes to the file {shown(rest)}"
    if word == "set" and _DANGER.search(rest.partition(" ")[2]):
        return {UNKNOWN}, "keeps SQL in a variable"
    if word in _CONNECTS and rest:
        statement.reading.moved = True
    if word in ("set", "connect") or word in _CONNECTS or _PSQL_READS.fullmatch(word or "-"):
        return {READ}, "shows or sets how things are shown"
    return _rare(word)


def _rare(word: str) -> tuple[set[Effect], str]:
    if word == "password":
        return {PRIVILEGE}, "changes a password"
    if word == "lo_unlink":
        return {DESTRUCTIVE}, "deletes a large object"
    if word in ("lo_export", "lo_import", "lo_list"):
        return {WRITE, UNKNOWN}, "copies a large object"
    return set(_RUNS), f"a client command that is not known: {shown(word)}"
