"""How sure a reading is: said by a rule, told by a name, or not known."""

import json

import pytest

from firewall.classify.text import actions_of_input
from firewall.core.action import Confidence
from tests.support.understanding import shipped_context


def _request(method: str, url: str) -> str:
    return json.dumps({"method": method, "url": url, "headers": {}, "body": ""})


def _graphql(endpoint: str, query: str) -> str:
    return json.dumps({"endpoint": endpoint, "query": query, "variables": {}})


def _tool(server: str, tool: str) -> str:
    return json.dumps({"server": server, "tool": tool, "description": "", "arguments": {}})


RAILWAY = "https://backboard.railway.app/graphql/v2"


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("shell", "kubectl delete ns x", Confidence.CERTAIN),
        ("shell", "frobctl delete x", Confidence.GUESS),
        ("sql", "DROP TABLE x", Confidence.CERTAIN),
        ("http", _request("DELETE", "https://api.github.com/repos/a/b"), Confidence.CERTAIN),
        ("http", _request("GET", "https://api.example.com/x"), Confidence.CERTAIN),
        ("http", _request("DELETE", "https://api.example.com/x"), Confidence.LIKELY),
        ("http", _request("POST", "https://api.example.com/v1/delete_user"), Confidence.LIKELY),
        ("http", _request("POST", "https://api.example.com/v1/users"), Confidence.GUESS),
        ("graphql", _graphql(RAILWAY, 'mutation { volumeDelete(volumeId: "a") }'), Confidence.CERTAIN),
        (
            "graphql",
            _graphql("https://api.example.com/graphql", "mutation { deleteThing(id: 1) { id } }"),
            Confidence.LIKELY,
        ),
        ("aws", "aws s3 rb s3://x", Confidence.CERTAIN),
        ("aws", "aws newsvc delete-thing --id 3", Confidence.LIKELY),
        ("mcp", _tool("github", "delete_file"), Confidence.CERTAIN),
        ("mcp", _tool("zzz", "delete_thing"), Confidence.GUESS),
    ],
)
def test_what_was_told_by_name_is_not_certain(kind: str, text: str, wanted: Confidence) -> None:
    """A rule about the operation makes certain, its name or method alone likely, and nothing of both a guess."""
    (action,) = actions_of_input(kind, text, shipped_context())
    assert action.confidence is wanted
