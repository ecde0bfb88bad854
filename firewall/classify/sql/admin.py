"""Statements about that look or that grant: EXPLAIN, SHOW, GRANT."""

from firewall.classify.sql.queries import explained
from firewall.classify.sql.reading import DESTRUCTIVE, EXFIL, PRIVILEGE, READ, SECRET, WRITE, Statement


def read_explain(statement: Statement) -> None:
    """Judge EXPLAIN, DESCRIBE and ANALYZE in front of a statement: with ANALYZE the statement runs."""
    at = explained(statement)
    if at > 0:
        statement.say({READ}, "shows how the statement behind runs, by running it", at=(0, at))
        statement.judge(statement.part(at))
    elif statement.word(0) == "ANALYZE":
        statement.say({WRITE}, "refreshes the planner's statistics")
    else:
        statement.say({READ}, "shows a plan or a description, and runs nothing")


def read_show(statement: Statement) -> None:
    """Judge SHOW: a read; a user's definition shows its password's hash."""
    secret = statement.words(1, 2) == ("CREATE", "USER") or statement.has("SECRETS", "VALUES")
    statement.say({SECRET} if secret else {READ}, "shows definitions or settings", at=(0, 3 if secret else 1))


def read_grant(statement: Statement) -> None:
    """Judge GRANT, REVOKE and DENY."""
    verb = {"GRANT": "grants", "REVOKE": "takes away", "DENY": "denies"}.get(statement.word(0), "changes")
    share = statement.has("DATASHARE") and statement.has("ACCOUNT")
    if statement.word(0) == "GRANT" and statement.word(1) == "ALL" and _is_on_everything(statement):
        statement.say(
            {PRIVILEGE, DESTRUCTIVE},
            "grants every right on every database; which rights the account held before is not remembered",
            at=(0, len(statement.tokens)),
        )
        return
    effects = {PRIVILEGE, EXFIL} if share else {PRIVILEGE}
    statement.say(effects, f"{verb} rights", at=(0, min(4, len(statement.tokens))))


def _is_on_everything(statement: Statement) -> bool:
    """Tell whether rights are granted `ON *.*`: at MySQL's global level, one set of bits for an account.

    REVOKE takes single bits or all of them; none brings back the set that GRANT ALL has overwritten (MySQL 8.4
    reference, 15.7.1.6, "Global privileges").
    """
    on = statement.level({"ON"}, 1)
    return on > 0 and "".join(token.text for token in statement.tokens[on + 1 : on + 4]) == "*.*"
