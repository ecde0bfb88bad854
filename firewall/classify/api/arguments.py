"""What the arguments of an AWS operation change: `--no-deletion-protection`, `DryRun=true`, SQL inside.

Names are compared as `aws.plain` writes them, so `--backup-retention-period`, `BackupRetentionPeriod` in a form
and `backupRetentionPeriod` in JSON are one argument (`backupretentionperiod`); dotted and numbered form names
(`Attributes.member.1.Value`) are looked at as text of their first part.
"""

from collections.abc import Mapping

from firewall.classify.api.aws import Known, plain
from firewall.classify.api.known import HostRow, hangs_on_arguments, rule_for
from firewall.classify.draft import shown
from firewall.classify.phrases import does, singular, words_of
from firewall.classify.sentences import placed
from firewall.core.effect import Effect

_TRUE = ("true", True)


def wire_arguments(query: Mapping[str, object], body: Mapping[str, object] | None, text: str) -> dict[str, object]:
    """Return a request's arguments under plain names; the body as a whole under `body`."""
    found: dict[str, object] = {"body": text}
    numbered: dict[str, list[str]] = {}
    for source in (query, body or {}):
        for name, value in source.items():
            first, dot, rest = name.partition(".")
            if dot:
                numbered.setdefault(plain(first), []).append(f"{rest}={value}")
            else:
                found[plain(first)] = value
    found.update({name: " ".join(parts) for name, parts in numbered.items()})
    return found


def judge_arguments(
    known: Known, arguments: Mapping[str, object], row: HostRow, *, seen: bool, named: tuple[str, str] = ("", "")
) -> tuple[set[Effect], str]:
    """Return an operation's effects with these arguments; not `seen`: a rule about them makes it unknown.

    `named` is the argument that says what the operation is about and its value, for the sentence.
    """
    name = f"{known.service}:{known.operation.name}"
    effects = set(known.operation.effects)
    if known.service == "ec2" and arguments.get("dryrun") in _TRUE:
        return {Effect.READ}, f"asks AWS whether `{known.operation.name}` would be allowed; changes nothing"
    rule = rule_for(row.rules, "", "/", operation=name, arguments=arguments)
    if rule is not None:
        effects = set(rule.effects)
        summary = placed(rule.summary, shown(named[1])) if named[1] and rule.summary else rule.summary
    else:
        summary = ""
        if not seen and hangs_on_arguments(row.rules, "", "/", operation=name):
            effects.add(Effect.UNKNOWN)
    return effects, summary or told(known.service, known.operation.name, effects, named)


def told(service: str, operation: str, effects: set[Effect], named: tuple[str, str] = ("", "")) -> str:
    """Return one plain sentence about an operation; `named` is the argument that says what it is about."""
    words = words_of(operation)
    key, value = named
    is_own = bool(words) and singular(words[-1].lower()) in {singular(word.lower()) for word in words_of(key)}
    name = does(words, set(words[:2]), value if is_own else "") or operation
    if value and not is_own:
        name += f" ({key} {shown(value)})"
    ends = (
        (Effect.DESTRUCTIVE, "; no undo through this API"),
        (Effect.SECRET, ", which shows credentials"),
        (Effect.PRIVILEGE, ", which changes who may do what"),
        (Effect.EXEC, ", which runs code in the account"),
        (Effect.DISRUPTIVE, ", which interrupts what runs; no data is lost"),
        (Effect.WRITE, ", which can be changed back"),
        (Effect.UNKNOWN, "; what that changes is not seen"),
    )
    return f"{name} of AWS {service}{next((words for effect, words in ends if effect in effects), '')}"


_SQL = {
    "rds-data:ExecuteStatement": "sql",
    "rds-data:BatchExecuteStatement": "sql",
    "rds-data:ExecuteSql": "sqlstatements",
    "redshift-data:ExecuteStatement": "sql",
    "redshift-data:BatchExecuteStatement": "sqls",
    "athena:StartQueryExecution": "querystring",
    "dynamodb:ExecuteStatement": "statement",
    "dynamodb:ExecuteTransaction": "transactstatements",
    "dynamodb:BatchExecuteStatement": "statements",
    "timestream-query:Query": "querystring",
}
"""Operations that run SQL, and the argument that holds it."""


_DIALECTS = {"redshift-data": "redshift", "athena": "athena"}
"""Services whose SQL is of one dialect; rds-data may be MySQL or PostgreSQL, so both are asked."""


def dialect_of(known: Known) -> str:
    """Return the dialect of the SQL that a service runs; empty: several are possible."""
    return _DIALECTS.get(known.service, "")


def sql_arguments(known: Known) -> tuple[str, ...]:
    """Return the plain names of the arguments that hold an operation's SQL."""
    name = _SQL.get(f"{known.service}:{known.operation.name}", "")
    return (name,) if name else ()


def sql_of(known: Known, arguments: Mapping[str, object]) -> str:
    """Return the SQL that an operation runs; empty: it runs none, or it is not seen."""
    value = arguments.get(_SQL.get(f"{known.service}:{known.operation.name}", ""))
    items = value if isinstance(value, list) else [value]
    texts = [item.get("Statement", item.get("statement")) if isinstance(item, Mapping) else item for item in items]
    return ";\n".join(text for text in texts if isinstance(text, str))
