"""`aws SERVICE OPERATION …`: the operation from the table of AWS, its arguments as its rules ask for them.

Commands that the CLI adds to the API (`aws s3 sync`, `aws configure`, `aws eks update-kubeconfig`) stand as
rows in tools/clouds.toml; `wait`, `help` and `--generate-cli-skeleton` only read.
"""

import json
from collections.abc import Mapping, Sequence

from firewall.classify.api import aws as operations
from firewall.classify.api.arguments import dialect_of, judge_arguments, sql_arguments, sql_of
from firewall.classify.api.known import HostRow, asked_of
from firewall.classify.draft import Draft, Source
from firewall.classify.rows import Program, Rule
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add_rule, finish
from firewall.classify.shell.options import read_options
from firewall.classify.shell.uses import Use, places_of, read_use
from firewall.classify.shell.words import Word
from firewall.classify.sql.judge import judge_sql
from firewall.core.effect import Effect

_NO_REQUEST = ("--generate-cli-skeleton",)
_UNSEEN = ("file://", "fileb://", "http://", "https://", "@")
_FROM_FILE = ("cliinputjson", "cliinputyaml")


def aws(command: Command, program: Program, analysis: Analysis) -> bool:
    """Add the action of an API operation; False: the rows judge."""
    row = next((row for row in analysis.context.catalogue.hosts if row.kind == "aws"), None)
    options, _ = read_options(command.words[1:], program.takes)
    named = [word.text for word in options.positional[:3] if word.known]
    if row is None or row.table is None or len(named) < 2 or not all(w.known for w in options.positional[:2]):
        return False
    service, operation = named[:2]
    use = read_use(program, command)
    if not operations.is_service(row.table, service):
        return False
    if "help" in named[1:] or operation == "wait" or any(options.given(name) for name in _NO_REQUEST):
        _add(
            Rule(effects=(Effect.READ,), place="none", summary=f"`aws {service} {operation}` only reads"),
            use,
            analysis,
        )
        return True
    known = operations.by_command(row.table, service, operation)
    if known is None:
        return False
    effects, summary, sql = _judged(known, command, row, analysis)
    rule = Rule(
        effects=tuple(effects),
        place="outside",
        operation=f"aws:{service}-{operation}",
        resource=f"aws:{service}/{_named(command)[1] or '?'}",
        summary=summary,
    )
    _add(rule, use, analysis)
    if sql is not None:
        finish(sql, command, analysis)
        sql.environment = analysis.context.environments.name_of(places_of(use))
        analysis.drafts.append(sql)
    return True


def _add(rule: Rule, use: Use, analysis: Analysis) -> None:
    # The rows of a subcommand with the same name say nothing about options of the API.
    add_rule(rule, Use(use.program, use.command, "", use.options, use.positional), analysis)


def _judged(
    known: operations.Known, command: Command, row: HostRow, analysis: Analysis
) -> tuple[set[Effect], str, Draft | None]:
    """Return what the operation does, in words, and the SQL that it carries."""
    arguments, seen = arguments_of(command.words)
    arguments = _spelled_out(arguments, known, row)
    sql = sql_of(known, arguments)
    if sql and seen:
        source = Source(sql, base=None, outer=command.span)
        found = judge_sql(source, "sql", analysis.context, (), dialect=dialect_of(known))
        return set(found.effects), f"{found.summary} (through {known.service})", found
    flag, named = _named(command)
    return *judge_arguments(known, arguments, row, seen=seen, named=(flag.lstrip("-"), named)), None


def _spelled_out(arguments: Mapping[str, object], known: operations.Known, row: HostRow) -> Mapping[str, object]:
    """Add what an abbreviation may mean (`--no-deletion-prot`), where a rule or a reader of SQL looks."""
    name = f"{known.service}:{known.operation.name}"
    wanted = {*asked_of(row.rules, name), *sql_arguments(known)} - set(arguments)
    given = [(short, value) for short, value in arguments.items() if short]
    meant = {full: value for short, value in given for full in wanted if full.startswith(short)}
    return {**arguments, **meant}


def arguments_of(words: Sequence[Word]) -> tuple[Mapping[str, object], bool]:
    """Return the options of a command line as API arguments under plain names, and whether all can be seen."""
    found: dict[str, object] = {}
    seen = True
    name = ""
    for word in words:
        if word.text.startswith("--") and len(word.text) > 2:
            flag, equals, value = word.text[2:].partition("=")
            name = operations.plain(flag)
            seen = seen and word.known and name not in _FROM_FILE
            found[name] = _value(value) if equals else True
            if flag.startswith("no-") and not equals:
                found[operations.plain(flag[3:])] = False
        elif name:
            seen = seen and word.known and not word.text.startswith(_UNSEEN)
            before = found[name]
            between = ";\n" if name == "sqls" else " "
            found[name] = _value(word.text) if before is True else f"{before}{between}{word.text}"
        elif not word.known:
            seen = False
    return found, seen


def _value(text: str) -> object:
    if text[:1] in ("{", "["):
        try:
            value: object = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return value
    return text


_NAMING = (
    "-id", "-name", "-arn", "-identifier", "-ids", "-names", "--bucket", "--name", "-url",
)  # fmt: skip


def _named(command: Command) -> tuple[str, str]:
    """Return the first option that names what the operation is about, and its value; both empty: none does."""
    for flag, value in zip(command.words, command.words[1:], strict=False):
        name = flag.text
        if name.startswith("--") and name.endswith(_NAMING) and value.known and not value.text.startswith("--"):
            return name, value.text[:200]
    return "", ""
