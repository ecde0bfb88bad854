"""What a command writes, when that can be told without running it: constants, and names below a folder."""

import re
from collections.abc import Callable, Sequence

from firewall.classify.decode import as_text, from_base32, from_base64, from_hex, inflate
from firewall.classify.draft import Source
from firewall.classify.likely import ends_of
from firewall.classify.shell.analysis import Command
from firewall.classify.shell.options import read_options
from firewall.classify.shell.scope import Feed
from firewall.classify.shell.touches import spot_of
from firewall.classify.shell.words import ansi_text

_LISTERS = frozenset({"find", "fd", "ls", "git", "rg", "grep", "tree", "locate"})
_PASSERS = frozenset({"grep", "egrep", "sort", "uniq", "head", "tail", "tac"})
_READERS = frozenset(
    {
        "cat", "head", "tail", "grep", "sort", "awk", "sed", "jq", "tar", "gzip", "base64", "cut", "zcat",
        "mysqldump", "pg_dump", "env", "printenv",
    }
)  # fmt: skip
MAX_ENDS = 24
_FORMAT = re.compile(r"%(-?\d*)(?:\.\d+)?([sbdic%q])")


def output_of(commands: Sequence[Command], label: str) -> Feed:
    """Return what the next stage of a pipeline is fed by these commands, run one after another."""
    texts = [_text(command) for command in commands]
    if texts and all(text is not None for text in texts):
        text = "".join(part or "" for part in texts)
        return Feed(text=text, source=_source(commands, text), exec_label=label)
    below: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    local = any(command.name.rpartition("/")[2] in _READERS for command in commands)
    if len(commands) == 1:
        paths = _shown(commands[0])
        below = _below(commands[0])
        ends = _ends(commands[0])
        local = local or (commands[0].feed is not None and commands[0].feed.local)
    return Feed(below=below, ends=ends, exec_label=label, paths=paths, local=local)


def _shown(command: Command) -> tuple[str, ...]:
    """Return the files of which `cat` writes nothing but the content."""
    words = command.words[1:]
    if command.name.rpartition("/")[2] != "cat" or not all(word.known and not word.glob for word in words):
        return ()
    if command.name in command.scope.functions or command.name in command.scope.aliases:
        return ()
    if not words and command.feed is not None:
        return command.feed.paths
    named = [word for word in words if not word.text.startswith("-")]
    return tuple(path for word in named for path in spot_of(word, command.scope).paths)


def _source(commands: Sequence[Command], text: str) -> Source:
    for word in reversed(commands[0].words):
        if word.source is not None and word.source.text == text.rstrip("\n") and len(commands) == 1:
            return word.source
    feed = commands[0].feed
    if len(commands) == 1 and feed is not None and feed.source is not None and feed.text == text:
        return feed.source
    start = min(command.span[0] for command in commands)
    end = max(command.span[1] for command in commands)
    return Source(text, base=None, outer=(start, end))


def _text(command: Command) -> str | None:
    if not all(word.known and not word.glob for word in command.words):
        return None
    if command.name in command.scope.functions or command.name in command.scope.aliases:
        return None
    maker = _MAKERS.get(command.name.rpartition("/")[2])
    return None if maker is None else maker([word.text for word in command.words[1:]], command)


def _echo(arguments: list[str], _command: Command) -> str | None:
    escapes = newline = False
    while arguments and re.fullmatch(r"-[neE]+", arguments[0]):
        newline = newline or "n" in arguments[0]
        escapes = escapes or "e" in arguments[0]
        arguments = arguments[1:]
    text = " ".join(arguments)
    return (ansi_text(text) if escapes else text) + ("" if newline else "\n")


def _printf(arguments: list[str], _command: Command) -> str | None:
    return printed(arguments)


def printed(arguments: list[str]) -> str | None:
    """Return what `printf` prints for constant arguments; None: not known."""
    if arguments and arguments[0] == "--":
        arguments = arguments[1:]
    if not arguments or arguments[0].startswith("-v"):
        return None
    pattern, values = arguments[0], list(arguments[1:])
    out = ""
    for _ in range(64):
        before = len(values)
        out += _FORMAT.sub(lambda match: _format_one(match, values), ansi_text(pattern))
        if not values or len(values) == before:
            return out
    return None


def _format_one(match: re.Match[str], values: list[str]) -> str:
    if match.group(2) == "%":
        return "%"
    value = values.pop(0) if values else ""
    return ansi_text(value) if match.group(2) == "b" else value[:1] if match.group(2) == "c" else value


def _cat(arguments: list[str], command: Command) -> str | None:
    if arguments and arguments != ["-"]:
        return None
    return command.feed.text if command.feed is not None else None


def _base64(arguments: list[str], command: Command) -> str | None:
    if not any(argument in ("-d", "-D", "--decode", "-di", "--dec") for argument in arguments):
        return None
    text = _cat([], command)
    return None if text is None else _decoded(from_base64(text))


def _xxd(arguments: list[str], command: Command) -> str | None:
    if not any(set(argument) >= {"-", "r"} for argument in arguments):
        return None
    text = _cat([], command)
    return None if text is None else _decoded(from_hex(text))


def _decoded(data: bytes | None) -> str | None:
    if data is None:
        return None
    return as_text(data) if as_text(data) is not None else data.decode("latin-1")


def _gunzip(_arguments: list[str], command: Command) -> str | None:
    text = _cat([], command)
    if text is None:
        return None
    try:
        return as_text(inflate(text.encode("latin-1")))
    except UnicodeEncodeError:
        return None


def _gzip(arguments: list[str], command: Command) -> str | None:
    flags = "".join(argument for argument in arguments if argument[:1] == "-")
    return (
        _gunzip([], command)
        if "d" in flags and arguments == [flag for flag in arguments if flag[:1] == "-"]
        else None
    )


def _base32(arguments: list[str], command: Command) -> str | None:
    text = _cat([], command)
    return None if text is None or arguments not in (["-d"], ["--decode"]) else _decoded(from_base32(text))


def _openssl(arguments: list[str], command: Command) -> str | None:
    """`openssl base64 -d`, `openssl enc -d -base64`."""
    asked = set(arguments) - {"-A", "-a"}
    if not asked <= {"base64", "enc", "-d", "-base64"} or "-d" not in asked:
        return None
    text = _cat([], command)
    return None if text is None else _decoded(from_base64(text))


def _rev(_arguments: list[str], command: Command) -> str | None:
    text = _cat([], command)
    return None if text is None else "\n".join(line[::-1] for line in text.split("\n"))


def _tr(arguments: list[str], command: Command) -> str | None:
    text = _cat([], command)
    if text is None or len(arguments) != 2 or arguments[0].startswith("-"):
        return None
    source, target = _letters(arguments[0]), _letters(arguments[1])
    if not source or not target:
        return None
    target = target.ljust(len(source), target[-1])[: len(source)]
    return text.translate({ord(left): right for left, right in zip(source, target, strict=True)})


def _letters(text: str) -> str:
    def spread(match: re.Match[str]) -> str:
        low, high = ord(match.group(1)), ord(match.group(2))
        return "".join(chr(code) for code in range(low, min(high, low + 256) + 1))

    return "" if "[:" in text else re.sub(r"(.)-(.)", spread, ansi_text(text))


def _tee(_arguments: list[str], command: Command) -> str | None:
    return _cat([], command)


def _pwd(_arguments: list[str], command: Command) -> str | None:
    scope = command.scope
    return scope.cwds[0] + "\n" if len(scope.cwds) == 1 and not scope.machine else None


_MAKERS: dict[str, Callable[[list[str], Command], str | None]] = {
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "base64": _base64,
    "xxd": _xxd,
    "rev": _rev,
    "tr": _tr,
    "base32": _base32,
    "openssl": _openssl,
    "gunzip": _gunzip,
    "gzip": _gzip,
    "zcat": _gunzip,
    "tee": _tee,
    "pwd": _pwd,
}


def _below(command: Command) -> tuple[str, ...]:
    """Return folders that the printed names lie below: `find src`, `ls *.c`, `git ls-files`, `grep -l`."""
    name = command.name
    scope = command.scope
    if name in _PASSERS and command.feed is not None and command.feed.below:
        return command.feed.below
    if name not in _LISTERS or scope.machine or not scope.cwds:
        return ()
    words = command.words[1:]
    if name == "git":
        listing = words and words[0].text in ("ls-files", "diff", "grep")
        return scope.cwds if listing and not any(".." in word.text for word in words) else ()
    if not all(word.known for word in words):
        return ()
    starts = _starts(command)
    found: list[str] = []
    for start in starts or ["."]:
        if ".." in start.split("/") or start.startswith("~"):
            return ()
        folder = start.split("*", 1)[0].rpartition("/")[0] if "*" in start else start
        found += (
            [folder or "/"]
            if start.startswith("/")
            else [f"{cwd}/{folder}".removesuffix("/.").rstrip("/") for cwd in scope.cwds]
        )
    return tuple(dict.fromkeys(found))


def _ends(command: Command) -> tuple[str, ...]:
    """Return how printed names may end: what `find` and `fd` look for, what a filter looks for in names."""
    fed = command.feed.ends if command.feed is not None else ()
    if command.name not in _LISTERS and command.name not in _PASSERS:
        return ()
    return (*fed, *(end for word in command.words[1:] for end in ends_of(word.text)))[:MAX_ENDS]


def _starts(command: Command) -> list[str]:
    words = [word.text for word in command.words[1:]]
    if command.name == "find":
        starts: list[str] = []
        for word in words:
            if word.startswith(("-", "(", "!", "\\")):
                break
            starts.append(word)
        return starts
    options, _ = read_options(
        command.words[1:], frozenset({"-e", "-g", "--include", "-t", "-A", "-B", "-C", "-I", "-L"})
    )
    positional = [word.text for word in options.positional]
    return positional[1:] if command.name in ("grep", "rg", "fd") and "-e" not in options.flags else positional
