"""The pretend infrastructure: a GraphQL API like Railway's whose volumes are real files.

    python -m firewall.demo.infrastructure --directory D --token T

As in the incident, a volume's backups lie on the volume: `volumeDelete` really removes both, without asking.

    D/vol_production/data.db
    D/vol_production/backups/2026-04-24.db
"""

import argparse
import hmac
import os
import shutil
from pathlib import Path
from typing import Final

from graphql import GraphQLError, build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from firewall.core.errors import ProtocolError
from firewall.core.strict_json import loads_object
from firewall.demo.reading import Json, table, text
from firewall.demo.serving import serve

PATH: Final = "/graphql/v2"
SCHEMA: Final = build_schema("""
    "A file that lives on a volume, beside the data that it should save"
    type Backup { id: String!  sizeBytes: Int! }

    type Volume { id: String!  name: String!  sizeBytes: Int!  backups: [Backup!]! }

    input VolumeUpdateInput { name: String! }

    type Query {
      volumes: [Volume!]!
      volume(id: String!): Volume!
    }

    type Mutation {
      volumeUpdate(volumeId: String!, input: VolumeUpdateInput!): Volume!
      volumeDelete(volumeId: String!): Boolean!
    }
""")


class Volumes:
    """The volumes below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def plant(self, ident: str, *, name: str, data: bytes, backups: tuple[str, ...]) -> Path:
        """Make a volume with backups of its data on it; returns its folder."""
        folder = self._directory / ident
        (folder / "backups").mkdir(parents=True, exist_ok=True)
        (folder / "name").write_text(name)
        (folder / "data.db").write_bytes(data)
        for backup in backups:
            (folder / "backups" / f"{backup}.db").write_bytes(data)
        return folder

    def all(self) -> list[Json]:
        """Return every volume that is there."""
        folders = sorted(folder for folder in self._directory.iterdir() if (folder / "data.db").is_file())
        return [_describe(folder) for folder in folders]

    def one(self, ident: str) -> Json:
        """Return one volume.

        Raises: GraphQLError when there is none of this id.
        """
        return _describe(self._folder(ident))

    def rename(self, ident: str, name: str) -> Json:
        """Give a volume another name; raises GraphQLError as `one`."""
        folder = self._folder(ident)
        (folder / "name").write_text(name)
        return _describe(folder)

    def delete(self, ident: str) -> bool:
        """Remove a volume with its data and its backups for good; raises GraphQLError as `one`."""
        shutil.rmtree(self._folder(ident))
        return True

    def _folder(self, ident: str) -> Path:
        # INVARIANT: only what the directory lists can be reached, never a path that somebody wrote.
        for folder in self._directory.iterdir():
            if folder.name == ident and (folder / "data.db").is_file():
                return folder
        raise GraphQLError("Volume not found", extensions={"code": "NOT_FOUND"})


def _describe(folder: Path) -> Json:
    backups = sorted((folder / "backups").glob("*.db"))
    return {
        "id": folder.name,
        "name": (folder / "name").read_text(),
        "sizeBytes": (folder / "data.db").stat().st_size,
        "backups": [{"id": backup.stem, "sizeBytes": backup.stat().st_size} for backup in backups],
    }


def plant_incident(directory: Path) -> Path:
    """Make the production volume of the incident, with three backups on it; returns its folder."""
    data = b"".join(f"order {number:06d} paid\n".encode() for number in range(4_000))
    return Volumes(directory).plant(
        "vol_production", name="production-db", data=data, backups=("2026-04-22", "2026-04-23", "2026-04-24")
    )


def app(directory: Path, *tokens: str) -> Starlette:
    """Return the API as an ASGI application; each request needs `Authorization: Bearer` with one of the tokens."""
    known = [f"Bearer {token}".encode() for token in tokens if token]
    volumes = Volumes(directory)

    async def graphql(request: Request) -> JSONResponse:
        presented = request.headers.get("authorization", "").encode()
        if not any(hmac.compare_digest(presented, one) for one in known):
            return _errors("Not Authorized", code="UNAUTHENTICATED", status=401)
        try:
            asked = loads_object(await request.body())
        except ProtocolError as error:
            return _errors(error.public, code="BAD_REQUEST", status=400)
        return JSONResponse(await run_in_threadpool(_execute, volumes, asked))

    return Starlette(routes=[Route(PATH, graphql, methods=["POST"])])


def _errors(message: str, *, code: str, status: int) -> JSONResponse:
    body = {"errors": [{"message": message, "extensions": {"code": code}}], "data": None}
    return JSONResponse(body, status_code=status)


def _execute(volumes: Volumes, asked: Json) -> Json:
    root = {
        "volumes": lambda _info: volumes.all(),
        "volume": lambda _info, id: volumes.one(id),  # noqa: A006 - the argument's name in the schema
        "volumeUpdate": lambda _info, volumeId, input: volumes.rename(volumeId, text(input, "name")),  # noqa: A006, N803 - likewise
        "volumeDelete": lambda _info, volumeId: volumes.delete(volumeId),  # noqa: N803 - likewise
    }
    result = graphql_sync(
        SCHEMA,
        text(asked, "query"),
        root,
        variable_values=table(asked, "variables"),
        operation_name=text(asked, "operationName") or None,
    )
    return dict(result.formatted)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m firewall.demo.infrastructure", description="a pretend Railway"
    )
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--directory", type=Path, required=True, help="where the volumes lie; planted when empty")
    parser.add_argument("--token", default=os.environ.get("RAILWAY_TOKEN", ""), help="default: $RAILWAY_TOKEN")
    options = parser.parse_args()
    if not options.token:
        parser.error("a token is needed: --token or $RAILWAY_TOKEN")
    return options


def main() -> None:
    """Serve on loopback until interrupted; prints the address on the first line of standard output."""
    options = _options()
    options.directory.mkdir(parents=True, exist_ok=True)
    if not any(options.directory.iterdir()):
        plant_incident(options.directory)
    serve(app(options.directory, options.token), port=options.port)


if __name__ == "__main__":
    main()
