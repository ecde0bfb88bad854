"""Whatever a request is dressed as, an operation that destroys is never read as a read or a write."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.classify.text import actions_of_input
from firewall.core.action import Action
from firewall.core.effect import Effect
from tests.support.understanding import shipped_context
from tests.support.work import MAX_CALLS, counted

ENDPOINTS = {
    "https://backboard.railway.app/graphql/v2": ("volumeDelete", 'volumeId: "v"'),
    "https://api.github.com/graphql": ("deleteIssue", 'input: {issueId: "i"}'),
    "https://api.fly.io/graphql": ("deleteApp", 'appId: "a"'),
    "https://api.example.com/graphql": ("deleteThing", 'id: "i"'),
}
MILD = {Effect.READ, Effect.WRITE, Effect.DISRUPTIVE}
NAMES = st.from_regex(r"[_A-Za-z][_0-9A-Za-z]{0,12}", fullmatch=True).filter(
    lambda name: name not in ("on", "true")
)
BLANKS = st.text(alphabet=" \t\n\r,\ufeff", max_size=6)
COMMENTS = st.text(alphabet=st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), max_size=12)

Dress = Callable[[st.DataObject, str, str], dict[str, object]]


def caught(actions: tuple[Action, ...]) -> bool:
    """Tell whether something in the actions is destructive, exec or unknown."""
    return any(not set(action.effects) <= MILD for action in actions)


def judged(request: dict[str, object]) -> tuple[Action, ...]:
    """Return the actions of an HTTP request."""
    return actions_of_input("http", json.dumps(request), shipped_context())


def alias(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """An alias that reads like something harmless."""
    return {"query": f"mutation {{ {draw.draw(NAMES)}: {field}({arguments}) }}"}


def many_aliases(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """A hundred aliases, one of them of the field."""
    at = draw.draw(st.integers(0, 99))
    inside = " ".join(
        f"a{i}: {field if i == at else '__typename'}{f'({arguments})' if i == at else ''}" for i in range(100)
    )
    return {"query": f"mutation {{ {inside} }}"}


def fragment(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """A named fragment, before or behind the operation."""
    name = draw.draw(NAMES)
    parts = [f"mutation {{ ...{name} }}", f"fragment {name} on Mutation {{ {field}({arguments}) }}"]
    return {"query": "\n".join(parts if draw.draw(st.booleans()) else parts[::-1])}


def nested_fragments(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """Fragments in fragments."""
    depth = draw.draw(st.integers(1, 8))
    chain = "".join(f" fragment F{i} on Mutation {{ ...F{i + 1} }}" for i in range(depth))
    return {"query": f"mutation {{ ...F0 }}{chain} fragment F{depth} on Mutation {{ {field}({arguments}) }}"}


def inline_fragments(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """Inline fragments, with and without a type."""
    depth = draw.draw(st.integers(1, 8))
    kind = draw.draw(st.sampled_from(["...", "... on Mutation", "... on Mutation @include(if: true)"]))
    return {"query": f"mutation {{ {f'{kind} {{ ' * depth}{field}({arguments}){' }' * depth} }}"}


def directives(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """A directive whose condition is a constant or a variable."""
    which = draw.draw(
        st.sampled_from(["@skip(if: true)", "@skip(if: $b)", "@include(if: false)", "@include(if: $b)"])
    )
    return {"query": f"mutation($b: Boolean = true) {{ {field}({arguments}) {which} }}", "variables": {"b": True}}


def comments(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """Comments, commas and a byte order mark between all tokens."""
    between = [f"{draw.draw(BLANKS)}#{draw.draw(COMMENTS)}\n{draw.draw(BLANKS)}" for _ in range(3)]
    return {"query": f"mutation{between[0]}{{{between[1]}{field}({arguments}){between[2]}}}"}


def several_operations(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """A query beside the mutation, with and without a name for it."""
    asked = draw.draw(st.sampled_from([None, "", "B"]))
    query = f"query A {{ me {{ id }} }} mutation B {{ {field}({arguments}) }}"
    return {"query": query, **({"operationName": asked} if asked is not None else {})}


def wrong_name(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """A name that the document does not have: servers differ in what they run."""
    return {
        "query": f"mutation B {{ {field}({arguments}) }}",
        "operationName": draw.draw(NAMES.filter(lambda n: n != "B")),
    }


def unicode_escapes(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """The field's letters as JSON escapes (see `posted`)."""
    count = draw.draw(st.integers(1, len(field)))
    return {"query": f"mutation {{ {field}({arguments}) }}", "escaped": count}


def strings(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """Block strings that hold something that looks like the end of the document."""
    other = f'other(text: """}} query {{ {draw.draw(NAMES)} """)'
    return {"query": f"mutation {{ first: {field}({arguments}) second: {other} }}"}


def before_reads(draw: st.DataObject, field: str, arguments: str) -> dict[str, object]:
    """Other fields before and behind it."""
    names = draw.draw(st.lists(NAMES.filter(lambda n: not n.startswith("__")), min_size=1, max_size=5))
    return {"query": f"mutation {{ {' '.join(names)} {field}({arguments}) {' '.join(names)} }}"}


DRESSES = (alias, many_aliases, fragment, nested_fragments, inline_fragments, directives, comments,
           several_operations, wrong_name, unicode_escapes, strings, before_reads)  # fmt: skip


def posted(endpoint: str, body: dict[str, object]) -> dict[str, object]:
    """Return the request that sends a GraphQL body."""
    escaped = body.pop("escaped", 0)
    text = json.dumps(body)
    if isinstance(escaped, int) and escaped:
        name = ENDPOINTS[endpoint][0]
        hidden = "".join(f"\\u{ord(char):04x}" for char in name[:escaped])
        text = text.replace(name, hidden + name[escaped:])
    return {"method": "POST", "url": endpoint, "headers": {"Content-Type": "application/json"}, "body": text}


@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: dress.__name__)
@settings(deadline=None)
@given(data=st.data(), endpoint=st.sampled_from(sorted(ENDPOINTS)))
def test_no_dress_of_a_mutation_reads_as_mild(dress: Dress, data: st.DataObject, endpoint: str) -> None:
    """Aliases, fragments, directives, comments, escapes and other operations hide no field that destroys."""
    field, arguments = ENDPOINTS[endpoint]
    assert caught(judged(posted(endpoint, dress(data, field, arguments))))


@settings(deadline=None)
@given(
    data=st.data(), endpoint=st.sampled_from(sorted(ENDPOINTS)), before=st.integers(0, 8), behind=st.integers(0, 8)
)
def test_batches_hide_nothing(data: st.DataObject, endpoint: str, before: int, behind: int) -> None:
    """A list of requests is judged request by request, wherever the one that destroys stands."""
    field, arguments = ENDPOINTS[endpoint]
    read = {"query": "{ me { id } }"}
    body = [*[read] * before, alias(data, field, arguments), *[read] * behind]
    assert caught(judged({"method": "POST", "url": endpoint, "headers": {}, "body": json.dumps(body)}))


@settings(deadline=None)
@given(endpoint=st.sampled_from(sorted(ENDPOINTS)), safe=st.sampled_from(["", "(){}:", "(){}"]))
def test_a_document_in_the_address_counts(endpoint: str, safe: str) -> None:
    """A GET, or a POST with another body, that carries the document in its address is judged by it."""
    field, arguments = ENDPOINTS[endpoint]
    url = f"{endpoint}?query={quote(f'mutation {{ {field}({arguments}) }}', safe=safe)}"
    assert caught(judged({"method": "GET", "url": url}))
    assert caught(judged({"method": "POST", "url": url, "body": json.dumps({"query": "{ me { id } }"})}))


@settings(deadline=None)
@given(value=st.sampled_from([True]), way=st.sampled_from(["inline", "variable", "default", "inner", "list"]))
def test_arguments_are_found_wherever_they_stand(value: object, way: str) -> None:
    """`replace: true` destroys, whether it stands inline, in variables, in a default or inside of either."""
    variables: dict[str, object] = {}
    head, argument = "", "input: {replace: true}"
    if way == "variable":
        head, argument, variables = "($i: I!)", "input: $i", {"i": {"replace": value}}
    elif way == "default":
        head, argument = "($i: I = {replace: true})", "input: $i"
    elif way == "inner":
        head, argument, variables = "($r: Boolean!)", "input: {replace: $r}", {"r": value}
    elif way == "list":
        head, argument, variables = "($r: Boolean = true)", "input: {replace: $r}", {}
    body = {"query": f"mutation{head} {{ variableCollectionUpsert({argument}) }}", "variables": variables}
    assert caught(judged(posted("https://backboard.railway.app/graphql/v2", body)))


PATHS = {
    "https://api.github.com": "/repos/acme/app",
    "https://api.digitalocean.com": "/v2/volumes/vol_1",
    "https://10.1.2.3:6443": "/apis/apps/v1/namespaces/prod/deployments/db",
    "https://api.machines.dev": "/v1/apps/a/volumes/v",
    "https://api.unknown.example": "/things/1",
}


@settings(deadline=None)
@given(
    host=st.sampled_from(sorted(PATHS)),
    data=st.data(),
    method=st.sampled_from(["DELETE", "delete", "POST", "PUT", "PATCH"]),
)
def test_spellings_of_a_path_and_method_hide_no_deletion(host: str, data: st.DataObject, method: str) -> None:
    """Escapes, doubled slashes, dots, letter case of the method and overriding headers change nothing."""
    path = PATHS[host]
    letters = [f"%{ord(c):02x}" if c != "/" and data.draw(st.booleans()) else c for c in path]
    spelled = "".join(letters)
    spelled = data.draw(st.sampled_from([spelled, spelled.replace("/", "//"), f"/./x/..{spelled}", f"{spelled}/"]))
    request: dict[str, object] = {"method": method, "url": f"{host}{spelled}", "headers": {}, "body": ""}
    if method.upper() != "DELETE":
        header = data.draw(st.sampled_from(["X-HTTP-Method-Override", "x-http-method", "X-Method-Override"]))
        request["headers"] = {header: data.draw(st.sampled_from(["DELETE", "delete", "Delete"]))}
    assert caught(judged(request))


WIRE: tuple[tuple[str, str, str, str], ...] = (
    ("POST", "https://rds.{r}.amazonaws.com/", "", "Action=DeleteDBInstance&DBInstanceIdentifier=p"),
    ("GET", "https://rds.{r}.amazonaws.com/?DBInstanceIdentifier=p&Action=DeleteDBInstance", "", ""),
    ("POST", "https://dynamodb.{r}.amazonaws.com/", "DynamoDB_20120810.DeleteTable", "{}"),
    ("POST", "https://dynamodb.{r}.amazonaws.com/", "Other.DeleteTable", "{}"),
    ("DELETE", "https://bucket.s3.{r}.amazonaws.com/key", "", ""),
    ("DELETE", "https://s3.{r}.amazonaws.com/bucket/a%2Fb", "", ""),
    ("POST", "https://bucket.s3.{r}.amazonaws.com/?delete", "", "<Delete/>"),
    ("POST", "https://batch.{r}.amazonaws.com/v1/deletejobqueue", "", "{}"),
    ("POST", "https://kms.{r}.amazonaws.com/", "TrentService.ScheduleKeyDeletion", "{}"),
    ("POST", "https://ec2.{r}.amazonaws.com/", "", "Version=1&Action=TerminateInstances"),
)


@settings(deadline=None)
@given(
    wire=st.sampled_from(WIRE),
    region=st.sampled_from(["us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1"]),
    more=st.sampled_from(["", "&DryRun=false", "&X-Amz-Security-Token=x"]),
)
def test_every_wire_form_of_aws_is_seen(wire: tuple[str, str, str, str], region: str, more: str) -> None:
    """Form, address, target header and path name an operation that destroys; none reads as mild."""
    method, url, target, body = wire
    url = url.replace("{r}", region) + (more if "Action" in url else "")
    headers = {"X-Amz-Target": target} if target else {}
    assert caught(judged({"method": method, "url": url, "headers": headers, "body": body}))


COMMANDS = ("rds delete-db-instance --db-instance-identifier p", "s3api delete-bucket --bucket b",
            "ec2 terminate-instances --instance-ids i", "kms schedule-key-deletion --key-id k",
            "rds modify-db-instance --db-instance-identifier p --no-deletion-protection",
            "s3api put-bucket-versioning --bucket b --versioning-configuration Status=Suspended")  # fmt: skip


@settings(deadline=None)
@given(
    command=st.sampled_from(COMMANDS),
    globals_=st.lists(
        st.sampled_from(["--region eu-west-1", "--profile prod", "--output json", "--no-cli-pager", "--debug"]),
        max_size=3,
    ),
    behind=st.sampled_from(["behind", "before"]),
    wrapper=st.sampled_from(["", "env ", "nohup ", "sudo ", "time ", "AWS_PROFILE=prod "]),
)
def test_options_around_an_aws_command_hide_nothing(
    command: str, globals_: list[str], behind: str, wrapper: str
) -> None:
    """Global options before or behind the operation, and wrappers, leave it what it is."""
    line = f"aws {command} {' '.join(globals_)}" if behind == "behind" else f"aws {' '.join(globals_)} {command}"
    assert caught(actions_of_input("shell", wrapper + line, shipped_context()))


@settings(deadline=None)
@given(st.text(max_size=300), st.sampled_from(["http", "graphql", "aws"]))
def test_any_text_of_an_api_gets_an_answer(text: str, kind: str) -> None:
    """Nothing raises, and every answer has an effect."""
    for action in actions_of_input(kind, text, shipped_context()):
        assert action.effects


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    ),
    st.sampled_from(sorted(ENDPOINTS)),
)
def test_any_variables_get_an_answer(value: object, endpoint: str) -> None:
    """Variables of any shape are looked through without raising."""
    fields = "environmentPatchCommit(environmentId: $i, patch: $i) updateRef(input: $i) setSecrets(input: $i)"
    query = f"mutation($i: X) {{ {fields} }}"
    body = {"query": query, "variables": {"i": value}}
    assert judged(posted(endpoint, body))


GITHUB = "https://api.github.com/graphql"


@pytest.mark.parametrize("count", [199, 201, 399, 401, 4001, 60_000])
def test_what_is_too_long_to_read_is_never_mild(count: int) -> None:
    """A field, a batch entry or an item behind more than is looked through is caught, and soon."""
    fields = " ".join(f"a{at}: addStar" for at in range(count))
    reads = [{"query": "{ viewer { login } }"}] * count
    delete = {"query": 'mutation { deleteIssue(input: {issueId: "i"}) { clientMutationId } }'}
    items = {"refUpdates": [{"force": False}] * count + [{"force": True}]}
    update = {"query": "mutation($i: X) { updateRefs(input: $i) { x } }", "variables": {"i": items}}
    for body in ({"query": f"mutation {{ {fields} deleteIssue }}"}, [*reads, delete], update):
        request = {"method": "POST", "url": GITHUB, "headers": {}, "body": json.dumps(body)}
        found, calls = counted(lambda request=request: judged(request))  # type: ignore[misc]  # bound now
        assert caught(found)
        assert calls < MAX_CALLS


@pytest.mark.parametrize("padding", [10, 5_000, 50_000, 300_000])
def test_padding_pushes_no_argument_out_of_sight(padding: int) -> None:
    """What a rule looks for is found, or missed aloud, however much stands before it."""
    wide = json.dumps({"a": ["x"] * padding, "private": False})
    form = f"A={'x' * padding}&Action=ModifyDBInstance&DeletionProtection=false"
    many = "&".join(f"Tags.member.{at}.Key=k" for at in range(padding // 10)) + f"&{form}"
    xml = f"<a>{'y' * padding}</a><Action>DELETE</Action>"
    zone = "https://route53.amazonaws.com/2013-04-01/hostedzone/Z/rrset"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for request in (
        {"method": "PATCH", "url": "https://api.github.com/repos/a/b", "headers": {}, "body": wide},
        {"method": "POST", "url": "https://rds.us-east-1.amazonaws.com/", "headers": kind, "body": form},
        {"method": "POST", "url": "https://rds.us-east-1.amazonaws.com/", "headers": kind, "body": many},
        {"method": "POST", "url": zone, "headers": {}, "body": xml},
    ):
        assert caught(judged(dict(request)))
