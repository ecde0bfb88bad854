"""`gh api`: its fields are the request's body, as gh writes it."""

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, ordered
from tests.support.understanding import shipped_context

REF = "gh api repos/a/b/git/refs/heads/main -X PATCH -f sha=1"
UPDATE = "mutation($i: UpdateRefInput!) { updateRef(input: $i) { clientMutationId } }"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("gh api repos/a/b", [Effect.READ]),
        ("gh api -X DELETE repos/a/b", [Effect.DESTRUCTIVE]),
        ("gh api --method=DELETE /repos/a/b", [Effect.DESTRUCTIVE]),
        ("gh api -X DELETE user/starred/a/b", [Effect.WRITE]),
        ("gh api repos/a/b/issues -f title=x -f 'labels[]=bug'", [Effect.WRITE]),
        ("gh api repos/a/b/issues --input body.json", [Effect.WRITE]),
        ("gh api repos/a/b -X PATCH -F private=false", [Effect.PRIVILEGE, Effect.EXFIL]),
        ("gh api repos/a/b -X PATCH --input body.json", [Effect.UNKNOWN, Effect.WRITE]),
        (f"{REF} -F force=true", [Effect.DESTRUCTIVE]),
        (f"{REF} -F force=false", [Effect.WRITE]),
        (f'{REF} -F force="$F"', [Effect.UNKNOWN, Effect.WRITE]),
        (f"gh api graphql -f query='{UPDATE}' -F 'i[force]=true'", [Effect.DESTRUCTIVE]),
        (f"gh api graphql -f query='{UPDATE}' -F 'i[oid]=x'", [Effect.WRITE]),
        ("gh api graphql -f query='{ viewer { login } }'", [Effect.READ]),
        ("gh api graphql -F query=@q.graphql", [Effect.UNKNOWN]),
        ("gh api graphql --input q.json", [Effect.UNKNOWN]),
        ('gh api -X "$M" repos/a/b', [Effect.UNKNOWN, Effect.WRITE]),
        ("gh api repos/a/b -H 'X-HTTP-Method-Override: DELETE' -f a=b", [Effect.DESTRUCTIVE]),
        ("gh api --hostname ghe.example.com repos/a/b -X DELETE", [Effect.DESTRUCTIVE]),
        ("gh api --hostname ghe.example.com repos/a/b -f a=b", [Effect.UNKNOWN]),
    ],
)
def test_fields_are_the_body(line: str, wanted: list[Effect]) -> None:
    """Typed and nested fields decide as the JSON that gh makes of them; what is not seen is unknown."""
    actions = actions_of_input("shell", line, shipped_context())
    assert list(ordered(effect for action in actions for effect in action.effects)) == wanted
