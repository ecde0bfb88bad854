"""Code in another language inside a shell line: what can be told of it by its literals.

The deep readers (Python's `ast`, tree-sitter-javascript, SQL parsers) have modules of their own; until a
language has one, code is `exec` with the shell text and words that its literals hold.
"""

import re
from collections.abc import Sequence
from itertools import islice

from firewall.classify.code.found import Found
from firewall.classify.code.javascript.mongo import read_mongo
from firewall.classify.code.javascript.node import read_node
from firewall.classify.code.python.reader import read_python
from firewall.classify.context import Context
from firewall.classify.draft import Draft, Source, shown
from firewall.classify.environments import Place
from firewall.classify.sql.judge import judge_sql
from firewall.core.effect import Effect

MAX_CHARS = 64 * 1024
"""Code of which more is not looked at in any way."""
MAX_COMMANDS = 40
"""Commands in the literals of code that has no reader, or no syntax tree."""


def read(source: Source, language: str, program: str, context: Context, places: Sequence[Place]) -> Found:
    """Judge code by what stands in it; anything that may run more is `exec` at least."""
    if language == "sql":
        return Found([judge_sql(source, program, context, places)])
    if language in ("awk", "jq"):
        return _awk(source, program) if language == "awk" else Found()
    if language == "python":
        return _python(source, program, context)
    if language == "javascript":
        found = read_node(source, context)
        return found if found.parsed else _unparsed(found, source, language, program)
    if language == "mongo":
        return read_mongo(source, context, places, read(source, "javascript", program, context, places))
    return _script(source, language, program)


def scanned(source: Source, language: str, program: str) -> Found:
    """Judge code by its words alone, because its syntax would be too much to read: nobody knows what it does."""
    if language == "sql":
        draft = Draft(f"sql:{program}", effects={Effect.UNKNOWN}, unseen=["SQL that is too much to read"])
        draft.summary = "runs SQL that is too much to read"
        draft.point(source.whole(), draft.summary)
        return Found([draft])
    return _unparsed(Found(), source, language, program)


def _python(source: Source, program: str, context: Context) -> Found:
    """Read Python by its tree; where it has none, by its literals as well."""
    found = read_python(source, context)
    return found if found.parsed else _unparsed(found, source, "python", program)


def _unparsed(found: Found, source: Source, language: str, program: str) -> Found:
    """Add what the literals of code say that has no syntax tree; nobody knows what it does."""
    scanned = _script(source, language, program)
    scanned.drafts[0].effects.add(Effect.UNKNOWN)
    scanned.drafts[0].unseen.append(f"{language} that does not parse, or is too large to read")
    found.drafts = scanned.drafts
    found.shell += scanned.shell
    return found


_CALL = re.compile(
    r"(?:os\.system|os\.popen|subprocess\.\w+|\bsystem|\bexec(?:Sync|File|FileSync)?|\bspawn(?:Sync)?|\bpopen|\bqx|%x|shell_exec|passthru|Popen|\bsh)"
    r"\s*[({\[/|!]?\s*\[?\s*[rbf]?(?P<quote>['\"`])(?P<text>.*?)(?<!\\)(?P=quote)",
    re.DOTALL,
)
_LIST_CALL = re.compile(
    r"(?:subprocess\.\w+|Popen|spawn(?:Sync)?|execFile(?:Sync)?|system|exec)\s*\(\s*\[?\s*(?P<items>['\"][^'\"]*['\"](?:\s*,\s*\[?\s*['\"][^'\"]*['\"])+)"
)
_BACKTICKS = re.compile(r"`(?P<text>[^`]+)`")
_LOSSY = re.compile(
    r"\b(?:rmtree|rmdir|removedirs|unlink(?:Sync)?|rm(?:Sync|dirSync)|os\.remove|remove_file|remove_dir_all|rm_rf|rm_r|FileUtils\.rm\w*|File\.delete|truncate(?:Sync)?|"
    r"drop_all|dropDatabase|dropCollection|deleteMany|delete_many|delete_bucket|delete_object|terminate_instances|delete_db_instance|flushall|flushdb)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z]\w*")
_LOSSY_WORDS = frozenset(
    {
        "rmtree", "rmdir", "removedirs", "unlink", "unlinksync", "rmsync", "rmdirsync", "remove", "remove_file",
        "remove_dir_all", "rm_rf", "rm_r", "fileutils", "delete", "truncate", "truncatesync", "drop_all",
        "dropdatabase", "dropcollection", "deletemany", "delete_many", "delete_bucket", "delete_object",
        "terminate_instances", "delete_db_instance", "flushall", "flushdb",
    }
)  # fmt: skip
"""What is a word of its own in everything that the pattern finds: most code has none of them."""
_STARTS = re.compile(r"system|popen|Popen|subprocess|exec|spawn|qx|%x|passthru|sh[\s({\[/|!'\"`]")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)


def _script(source: Source, language: str, program: str) -> Found:
    draft = Draft(
        "code:inline",
        f"code:{program}",
        effects={Effect.EXEC},
        summary=f"runs {language if language != 'other' else program} code given on the command line",
    )
    draft.point(source.whole(), "code that is run")
    found = Found([draft])
    if len(source.text) > MAX_CHARS:
        # FAIL-CLOSED: what stands behind is not looked at.
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append("the rest of code that is too long to read")
        source = source.part(source.text[:MAX_CHARS], 0, MAX_CHARS)
    words = {word.lower() for word in _WORD.findall(source.text)}
    if not words.isdisjoint(_LOSSY_WORDS) and (match := _LOSSY.search(source.text)):
        draft.effects.add(Effect.DESTRUCTIVE)
        draft.summary = f"runs code that calls {shown(match.group(0))}; what it removes cannot be seen for sure"
        draft.point(source.span(match.start(), match.end()), "removes or empties something")
    if _STARTS.search(source.text):
        _commands(source, found)
    if language in ("ruby", "perl", "php", "other"):
        for match in islice(_BACKTICKS.finditer(source.text), MAX_COMMANDS + 1):
            found.shell.append(source.part(match.group("text"), match.start("text"), match.end("text")))
    if len(found.shell) > MAX_COMMANDS:
        draft.effects.add(Effect.UNKNOWN)
        draft.unseen.append("the rest of the commands in it, which are too many to read")
        del found.shell[MAX_COMMANDS:]
    return found


def _commands(source: Source, found: Found) -> None:
    """Add the texts and lists of words that code hands to a function which starts commands."""
    for match in islice(_CALL.finditer(source.text), MAX_COMMANDS + 1):
        found.shell.append(source.part(match.group("text"), match.start("text"), match.end("text")))
    for match in islice(_LIST_CALL.finditer(source.text), MAX_COMMANDS + 1):
        words = " ".join(_unquoted(item) for item in _QUOTED.findall(match.group("items")))
        found.shell.append(Source(words, base=None, outer=source.span(match.start(), match.end())))


def _unquoted(item: str) -> str:
    return "'" + item[1:-1].replace("'", "") + "'"


MAX_AWK_CHARS = 4096
_AWK_RUNS = re.compile(r"@\s*\w|\bsystem\s*\(|\|\s*getline|getline\s*<|\|\s*&?\s*\"|print[^;}]*\|\s*\"")
_AWK_TEXT = re.compile(r"system\s*\(\s*\"(?P<text>(?:[^\"\\]|\\.)*)\"\s*\)")
_AWK_WRITES = re.compile(r"\bprintf?\b[^;}|]*>{1,2}\s*[\"A-Za-z$(]")


_AWK_REGEX = re.compile(r"(?:^|(?<=[\s(,~!{;&|]))/(?:[^/\\\n]|\\.)+/")


def _pipes(plain: str) -> bool:
    """Tell whether a program, its texts emptied, hands something to a command by a single `|`."""
    return "|" in _AWK_REGEX.sub("//", plain).replace("||", "")


def _awk(source: Source, program: str) -> Found:
    """Awk reads, unless it starts commands or writes files."""
    text = source.text
    found = Found()
    if len(text) > MAX_AWK_CHARS:
        draft = Draft(
            "code:inline", f"code:{program}", effects={Effect.UNKNOWN}, unseen=["an awk program that is too long"]
        )
        return Found([draft])
    plain = re.sub(r"\"(?:[^\"\\]|\\.)*\"", '""', text)
    starts = "@" in plain or "system" in plain or "getline" in plain
    if _pipes(plain) or (starts and _AWK_RUNS.search(text)):
        draft = Draft(
            "code:inline",
            f"code:{program}",
            effects={Effect.EXEC},
            summary="runs an awk program that starts commands",
        )
        whole = [match.group(0) for match in _AWK_TEXT.finditer(text)]
        if not whole or plain.count("system") != len(whole):
            draft.effects.add(Effect.UNKNOWN)
            draft.unseen.append("the commands that it starts")
        draft.point(source.whole(), "starts commands")
        found.drafts.append(draft)
        for match in _AWK_TEXT.finditer(text):
            found.shell.append(source.part(match.group("text"), match.start("text"), match.end("text")))
    elif _AWK_WRITES.search(plain) and not re.search(r"[<>]=?\s*\d", plain):
        draft = Draft(
            "code:inline",
            f"code:{program}",
            effects={Effect.DESTRUCTIVE},
            summary="runs an awk program that writes files",
            unseen=["the files that it writes"],
        )
        draft.point(source.whole(), "writes files")
        found.drafts.append(draft)
    return found
