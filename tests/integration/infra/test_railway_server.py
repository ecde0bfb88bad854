"""The stand-in for Railway keeps what other tests rely on."""

import httpx
from graphql import GraphQLObjectType

from firewall.demo.serving import served
from firewall.policy.defaults import shipped
from tests.support.railway import SCHEMA, Railway
from tests.support.railway_state import ACCOUNT_TOKEN, PRODUCTION, PROJECT, STAGING, VOLUME, Token

LIMIT_S = 30


def ask(base: str, headers: dict[str, str], query: str, **variables: object) -> dict[str, object]:
    """Send one document."""
    got = httpx.post(
        f"{base}/graphql/v2",
        json={"query": query, "variables": variables},
        headers=headers,
        timeout=LIMIT_S,
        trust_env=False,
    )
    assert got.status_code == 200, got.text
    answer: dict[str, object] = got.json()
    return answer


def bearer(token: str = ACCOUNT_TOKEN) -> dict[str, str]:
    """Return the header field of an account's token."""
    return {"authorization": f"Bearer {token}"}


def test_every_field_is_one_that_the_table_knows() -> None:
    """Root fields here stand in the table made from the published schema: nothing was invented."""
    lines = (shipped() / "apis" / "railway-graphql.tsv").read_text("utf-8").splitlines()
    known = {tuple(line.split("\t")[1:3]) for line in lines if not line.startswith("#")}
    roots: list[tuple[str, GraphQLObjectType | None]] = [("q", SCHEMA.query_type), ("m", SCHEMA.mutation_type)]
    for letter, kind in roots:
        assert kind is not None
        assert {(letter, name) for name in kind.fields} <= known


def test_an_account_sees_a_volume_in_two_environments_and_deletes_it_whole() -> None:
    """One id, two environments, backups on the volume: one mutation takes all of it."""
    railway = Railway()
    query = """query ($id: String!) { project(id: $id) { volumes { edges { node { id name
      volumeInstances { edges { node { id environmentId environment { name } currentSizeMB } } } } } } } }"""
    with served(railway.app()) as base:
        seen = str(ask(base, bearer(), query, id=PROJECT))
        assert all(text in seen for text in (VOLUME, STAGING, PRODUCTION, "'name': 'production'"))
        backups = "query ($v: String!) { volumeInstanceBackupList(volumeInstanceId: $v) { id createdAt } }"
        assert str(ask(base, bearer(), backups, v="vi-prod-shop")).count("'id'") == 3
        assert railway.is_whole()
        done = ask(base, bearer(), "mutation ($v: String!) { volumeDelete(volumeId: $v) }", v=VOLUME)
        assert done == {"data": {"volumeDelete": True}}
        assert "Not Authorized" in str(ask(base, bearer(), backups, v="vi-prod-shop"))
    assert not railway.is_whole()


def test_tokens_reach_what_they_may() -> None:
    """Unknown tokens nothing, a reader no change, a project's token its environment, the right field only."""
    railway = Railway()
    railway.tokens |= {"reader": Token(reads_only=True), "staging": Token(environment=STAGING)}
    delete = "mutation ($v: String!) { volumeDelete(volumeId: $v) }"
    of_staging = {"project-access-token": "staging"}
    with served(railway.app()) as base:
        for headers in (bearer("nobody"), bearer("reader"), bearer("staging"), {}):
            assert "Not Authorized" in str(ask(base, headers, delete, v=VOLUME))
        assert railway.is_whole()
        assert "production" not in str(
            ask(base, of_staging, "{ projectToken { project { environments { edges { node { name } } } } } }")
        )
        assert "Not Authorized" in str(ask(base, of_staging, "{ me { email } }"))
        assert ask(base, of_staging, delete, v=VOLUME) == {"data": {"volumeDelete": True}}
    assert not railway.is_whole()
