"""A case as the shell command that an agent would run for it: a guard of commands sees nothing else."""

import json

from firewall.policy.reading import InputKind, call_of
from tests.classify_report.labelled import Case

_TABLES = ("http", "graphql")
KINDS = frozenset({"shell", "aws", "sql", "http", "graphql", "javascript", "python"})


def command(case: Case) -> str:
    """Return `psql -c …`, `curl -X DELETE …`, `node -e …`; a shell line as it is.

    Raises: ValueError for a kind that no command carries.
    """
    if case.kind not in KINDS:
        raise ValueError(f"no command carries `{case.kind}`")
    value = json.loads(case.input) if case.kind in _TABLES else case.input
    call = call_of(InputKind(case.kind), value, dialect=case.dialect)
    return str(json.loads(call.arguments)["command"])
