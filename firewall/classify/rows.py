"""The rows of the catalogues: what a program, a host, a GraphQL field or an agent's tool does, as data.

A rule is (operation, argument predicate) -> effects. Rules of one operation stand from strict to mild, the
first that fits decides; an operation without a fitting rule is `unknown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from firewall.classify.attributes import KNOWN_ATTRIBUTES
from firewall.classify.environments import PlaceKind
from firewall.classify.globs import Glob, glob_pattern
from firewall.classify.reader import Reader
from firewall.core.action import Attribute
from firewall.core.effect import Effect, strictest
from firewall.core.errors import ConfigError


class Verb(StrEnum):
    """What is done to a path; `paths.judge` turns it into effects."""

    LIST = "list"
    """Names and metadata only."""
    READ = "read"
    CREATE = "create"
    """Made where nothing is; an existing thing is left alone."""
    APPEND = "append"
    EDIT = "edit"
    """Part of the content changes."""
    PLACE = "place"
    """Put there by a copy or a move; may replace what is there."""
    OVERWRITE = "overwrite"
    """The whole content is replaced."""
    MOVE = "move"
    """Taken away, to appear elsewhere."""
    REMOVE = "remove"
    ERASE = "erase"
    """Removed so that nothing brings it back, regenerable or not."""
    MODE = "mode"
    """Owner or permissions change."""
    RUN = "run"
    """Executed, or read as configuration that runs."""


@dataclass(frozen=True, slots=True)
class Touch:
    """Which words of a command are paths, and what is done to them."""

    verb: Verb
    which: str
    """`all`, `first`, `second`, `rest`, `last`, `butlast`, `cwd`, or options as `-o|--output`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One (predicate -> effects); an empty predicate fits."""

    flag: tuple[str, ...] = ()
    """Any of these options is given; a long option also by its prefix."""
    every: tuple[str, ...] = ()
    """All of these options are given."""
    exact: tuple[str, ...] = ()
    """Any of these is given, spelled out: for options that make a rule milder."""
    without: tuple[str, ...] = ()
    """None of these is given."""
    value: tuple[Glob, ...] = ()
    """Some value of the options in `flag` fits."""
    arg: tuple[Glob, ...] = ()
    """Some positional argument fits."""
    first: tuple[Glob, ...] = ()
    """The first positional argument fits."""
    least: int = 0
    most: int = 10_000
    effects: tuple[Effect, ...] = ()
    touch: tuple[Touch, ...] = ()
    place: str = ""
    """`none`, `cwd`, `remote`, `outside`; empty: by the paths, without paths `outside`."""
    signals: str = ""
    """Which words name processes or services that it reaches into, as in `Touch.which`."""
    operation: str = ""
    resource: str = ""
    summary: str = ""
    undo: str = ""
    suggest: str = ""
    """A milder command line that may do as well; refused at load where it is as strict."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def strictest(self) -> Effect:
        """The strictest effect that it can have by its own words."""
        found = list(self.effects)
        if any(touch.verb in _LOSING for touch in self.touch):
            found.append(Effect.DESTRUCTIVE)
        elif any(touch.verb not in (Verb.READ, Verb.LIST) for touch in self.touch):
            found.append(Effect.WRITE)
        return strictest(found) if found else Effect.READ


_LOSING = (Verb.REMOVE, Verb.OVERWRITE, Verb.ERASE)
_NONE: Mapping[str, Attribute] = {}
PLACES = ("", "none", "cwd", "remote", "outside")


def read_rule(row: Reader) -> Rule:
    """Compile one rule.

    Raises: ConfigError naming the row.
    """
    rule = Rule(
        flag=row.strings("flag"),
        every=row.strings("every"),
        exact=row.strings("exact"),
        without=row.strings("without"),
        value=_globs(row.strings("value")),
        arg=_globs(row.strings("arg")),
        first=_globs(row.strings("first")),
        least=row.integer("least", 0),
        most=row.integer("most", 10_000),
        effects=row.effects("effects"),
        touch=() if row.get("touch") is None else _touches(row.inner("touch")),
        place=row.string("place"),
        signals=row.string("signals"),
        operation=row.string("operation"),
        resource=row.string("resource"),
        summary=row.string("summary"),
        undo=row.string("undo"),
        suggest=row.string("suggest"),
        attributes=_NONE if row.get("attributes") is None else row.attributes("attributes"),
    )
    row.finish()
    if not rule.effects and not rule.touch:
        raise ConfigError(f"{row.where} needs `effects` or `touch`")
    if rule.place not in PLACES:
        raise ConfigError(f"{row.where}: `place` must be one of {', '.join(PLACES[1:])}")
    for name in rule.attributes:
        if name not in KNOWN_ATTRIBUTES:
            raise ConfigError(f"{row.where}: unknown attribute `{name}`")
    return rule


def _globs(texts: tuple[str, ...]) -> tuple[Glob, ...]:
    return tuple([glob_pattern(text) for text in texts]) if texts else ()


def _touches(table: Reader) -> tuple[Touch, ...]:
    found: list[Touch] = []
    for verb in Verb:
        found += [Touch(verb, which) for which in table.strings(verb.value)]
    table.finish()
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Wrap:
    """A program whose arguments are another command line."""

    skip: int = 0
    """Positional arguments of its own before the command."""
    assignments: bool = False
    """`NAME=value` words may stand before the command."""
    joined: bool = False
    """The command's words are joined and read by a shell again (ssh, su -c)."""
    text: tuple[str, ...] = ()
    """Options whose value is shell text."""
    after: str = ""
    """The command starts behind this word (`--`); several as `-x|--exec`."""
    subcommands: tuple[str, ...] = ()
    """Only these subcommands wrap; empty: the program itself does."""
    takes: frozenset[str] = frozenset()
    """Options with a value, beside the program's own."""
    unless: tuple[str, ...] = ()
    """With one of these options it runs nothing (`command -v`)."""
    operation: str = ""
    """What it is called when no command is given."""
    machine: str = ""
    """Where the command runs when not here, `{0}` is the first skipped word; empty: here."""
    stdin: bool = False
    """Arguments are appended from the standard input (xargs)."""
    effects: tuple[Effect, ...] = ()
    """What the wrapper itself adds."""
    alone: tuple[Effect, ...] = (Effect.READ,)
    """What it does without a command."""
    shell: tuple[str, ...] = ()
    """Options with which it opens a shell where no command is given (`sudo -i`); `*`: it always does."""
    drops: tuple[str, ...] = ()
    """Words that are neither an option nor an argument (the `-` of `su - bob`)."""
    through: bool = False
    """The words behind its own are arguments of the shell that it opens, no command (`su bob script.sh`)."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


def read_wrap(row: Reader) -> Wrap:
    """Compile a `wrap` table.

    Raises: ConfigError naming the row.
    """
    wrap = Wrap(
        skip=row.integer("skip", 0),
        assignments=row.boolean("assignments"),
        joined=row.boolean("joined"),
        text=row.strings("text"),
        after=row.string("after"),
        subcommands=row.strings("subcommands"),
        takes=frozenset(row.strings("takes")),
        unless=row.strings("unless"),
        operation=row.string("operation"),
        machine=row.string("machine"),
        stdin=row.boolean("stdin"),
        effects=row.effects("effects"),
        alone=row.effects("alone") or (Effect.READ,),
        shell=row.strings("shell"),
        drops=row.strings("drops"),
        through=row.boolean("through"),
        attributes=row.attributes("attributes"),
    )
    row.finish()
    return wrap


@dataclass(frozen=True, slots=True)
class Code:
    """A program that runs text in a language."""

    language: str
    """`shell`, `python`, `javascript`, `mongo`, `sql`, `awk`, `other`."""
    text: tuple[str, ...] = ()
    """Options whose value is code."""
    first: bool = False
    """The first positional argument is code (awk, jq)."""
    script: bool = True
    """The first positional argument is a script file."""
    stdin: bool = True
    """Without either, the standard input is code."""
    module: str = ""
    """The option that names a module to run (`-m`)."""


def read_code(row: Reader) -> Code:
    """Compile a `code` table.

    Raises: ConfigError naming the row.
    """
    code = Code(
        language=row.string("language", "other"),
        text=row.strings("text"),
        first=row.boolean("first"),
        script=not row.boolean("no_script"),
        stdin=not row.boolean("no_stdin"),
        module=row.string("module"),
    )
    row.finish()
    return code


@dataclass(frozen=True, slots=True)
class Program:
    """Everything known about one program."""

    name: str
    style: str = "gnu"
    """`gnu` (long options, joined short ones) or `single` (`-name` is one option)."""
    takes: frozenset[str] = frozenset()
    """Options that take a value."""
    front: frozenset[str] = frozenset()
    """Options that take a value only in front of the subcommand."""
    rules: tuple[Rule, ...] = ()
    subcommands: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    """Words joined by one space -> rules."""
    sub_takes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Value-taking options of a subcommand, beside the program's own."""
    places: Mapping[PlaceKind, tuple[str, ...]] = field(default_factory=dict)
    """Options whose values say where it acts."""
    provider: str = ""
    """Vendor name for resources."""
    published: Mapping[str, Rule] = field(default_factory=dict)
    """Subcommands of `[commands]`, asked where no rule fits."""
    verbs: bool = False
    """Operations that no rule names are read by their verb (`list`, `delete`, …)."""
    tree: bool = False
    """Its first words are a command tree: they name the operation."""
    script: bool = False
    """A file of this name, run by its path or by an interpreter, is judged by these rules."""
    version: frozenset[str] = frozenset()
    """Options beside `--version` that, alone, only show the version."""
    special: str = ""
    """A reader of its own in the code, named."""
    wrap: Wrap | None = None
    code: Code | None = None
    plain: frozenset[str] = frozenset()
    """Options that its rules name and that take no value: what stands behind one is no value of it."""
    added: "tuple[Program, ...]" = ()
    """What packs say of it, asked beside its own rows."""

    def all_rules(self) -> tuple[Rule, ...]:
        """Return every rule, those of packs last."""
        own = (*self.rules, *(rule for rules in self.subcommands.values() for rule in rules))
        return (*own, *(rule for program in self.added for rule in program.all_rules()))


def read_programs(row: Reader) -> tuple[Program, ...]:
    """Compile one `[[program]]`, which may serve several names.

    Raises: ConfigError naming the row.
    """
    names = row.strings("names")
    if not names:
        raise ConfigError(f"{row.where} needs `names`")
    first = _program(names[0], row)
    rest = {item.name: getattr(first, item.name) for item in fields(first)}
    return (first, *[Program(**{**rest, "name": name, "provider": first.provider or name}) for name in names[1:]])


def _program(name: str, row: Reader) -> Program:
    subcommands: dict[str, tuple[Rule, ...]] = {}
    sub_takes: dict[str, frozenset[str]] = {}
    for words, table in row.inner("sub").tables():
        rules = tuple(read_rule(rule) for rule in table.rows("rules"))
        takes = frozenset(table.strings("takes"))
        table.finish()
        for word in words.split("|"):
            if word.strip() in subcommands:
                raise ConfigError(f"{row.where}: the subcommand `{word.strip()}` stands twice")
            subcommands[word.strip()] = rules
            sub_takes[word.strip()] = takes
    program = Program(
        name=name,
        style=row.string("style", "gnu"),
        takes=frozenset(row.strings("takes")),
        front=frozenset(row.strings("front")),
        rules=tuple(read_rule(rule) for rule in row.rows("rules")),
        subcommands=subcommands,
        sub_takes=sub_takes,
        places=_places(row.inner("places")),
        provider=row.string("provider"),
        verbs=row.boolean("verbs"),
        tree=row.boolean("tree"),
        script=row.boolean("script"),
        version=frozenset(row.strings("version")),
        special=row.string("special"),
        wrap=read_wrap(row.inner("wrap")) if row.get("wrap") is not None else None,
        code=read_code(row.inner("code")) if row.get("code") is not None else None,
    )
    program = replace(program, plain=_plain(program))
    row.finish()
    if program.style not in ("gnu", "single"):
        raise ConfigError(f"{row.where}: `style` must be `gnu` or `single`")
    return program


def _plain(program: Program) -> frozenset[str]:
    named = {
        option for rule in program.all_rules() for option in (*rule.flag, *rule.every, *rule.exact, *rule.without)
    }
    return frozenset(named - program.takes - program.front).difference(*program.sub_takes.values())


def _places(table: Reader) -> dict[PlaceKind, tuple[str, ...]]:
    found = {kind: options for kind in PlaceKind if (options := table.strings(kind.value))}
    table.finish()
    return found
