"""The pretend infrastructure does what it is told, to real files."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from firewall.demo.infrastructure import PATH, app, plant_incident
from firewall.demo.reading import Json

TOKEN = "railway-token"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return plant_incident(tmp_path)


@pytest.fixture
def client(volume: Path) -> TestClient:
    return TestClient(app(volume.parent, TOKEN), headers={"authorization": f"Bearer {TOKEN}"})


def _ask(client: TestClient, query: str, **variables: object) -> Json:
    answer = client.post(PATH, json={"query": query, "variables": variables})
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


def test_volumes_lists_the_backups_that_lie_on_them(client: TestClient, volume: Path) -> None:
    """What the API tells is what lies on disk."""
    found = _ask(client, "{ volumes { id name sizeBytes backups { id sizeBytes } } }")
    size = (volume / "data.db").stat().st_size
    backups = [{"id": day, "sizeBytes": size} for day in ("2026-04-22", "2026-04-23", "2026-04-24")]
    listed = [{"id": "vol_production", "name": "production-db", "sizeBytes": size, "backups": backups}]
    assert found == {"data": {"volumes": listed}}


def test_volume_delete_takes_the_backups_with_it(client: TestClient, volume: Path) -> None:
    """One mutation removes the data and every backup of it from the disk."""
    mutation = "mutation($id: String!) { volumeDelete(volumeId: $id) }"
    assert _ask(client, mutation, id="vol_production") == {"data": {"volumeDelete": True}}
    assert not volume.exists()
    again = _ask(client, mutation, id="vol_production")
    assert "Volume not found" in str(again["errors"])


def test_volume_update_changes_only_the_name(client: TestClient, volume: Path) -> None:
    """A harmless mutation leaves the data alone."""
    before = (volume / "data.db").read_bytes()
    mutation = 'mutation { volumeUpdate(volumeId: "vol_production", input: {name: "db"}) { name } }'
    assert _ask(client, mutation) == {"data": {"volumeUpdate": {"name": "db"}}}
    assert (volume / "data.db").read_bytes() == before


@pytest.mark.parametrize("ident", ["", ".", "..", "vol_production/backups", "/", "../vol_production"])
def test_a_path_is_no_volume(client: TestClient, volume: Path, ident: str) -> None:
    """Nothing outside the listed volumes can be deleted."""
    found = _ask(client, "mutation($id: String!) { volumeDelete(volumeId: $id) }", id=ident)
    assert "Volume not found" in str(found["errors"])
    assert (volume / "data.db").is_file()


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}"])
def test_without_its_token_nothing_happens(client: TestClient, volume: Path, header: str) -> None:
    """The API demands exactly its bearer token."""
    body = {"query": 'mutation { volumeDelete(volumeId: "vol_production") }'}
    answer = client.post(PATH, json=body, headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["message"] == "Not Authorized"
    assert volume.exists()


def test_a_body_that_is_no_object_is_refused(client: TestClient) -> None:
    """A body that cannot be read is 400, not a crash."""
    answer = client.post(PATH, content=b"[]")
    assert answer.status_code == 400
