# ruff: noqa: N802, N803 - mutations and their arguments have the names of the schema
"""A server that speaks Railway's published GraphQL schema, with state that really changes.

Two environments, one project, and volumes that are shared by id: a volume has an instance in each environment, the
backups of an instance are stored on its volume, and `volumeDelete` takes all of it. An account's token reaches
everything, a project's token one environment, except that a volume of its environment is deleted as a whole.

    railway = Railway()
    with served(railway.app()) as base: ...     # POST {base}/graphql/v2
    assert railway.is_whole()
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from graphql import GraphQLError, GraphQLResolveInfo, OperationType, build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.support.railway_state import PROJECT, Asked, Instance, Json, State, Token, Volume, not_authorized

PATHS = ("/graphql/v2", "/graphql/internal")
SCHEMA = build_schema(Path(__file__).with_name("railway.graphql").read_text("utf-8"))


@dataclass(slots=True)
class Railway(State):
    """The provider: its state, who it knows, and what it was asked."""

    def app(self) -> Starlette:
        """Return the API as an ASGI application."""
        return Starlette(routes=[Route(path, self._graphql, methods=["POST"]) for path in PATHS])

    async def _graphql(self, request: Request) -> JSONResponse:
        presented = request.headers.get("project-access-token") or request.headers.get(
            "authorization", ""
        ).removeprefix("Bearer ")
        asked = orjson.loads(await request.body())
        self.asked.append(Asked(presented, str(asked.get("query", "")), dict(asked.get("variables") or {})))
        token = self.tokens.get(presented)
        if token is None or bool(token.environment) != ("project-access-token" in request.headers):
            return JSONResponse({"errors": [_error("Not Authorized")], "data": None})
        result = graphql_sync(
            SCHEMA,
            str(asked.get("query", "")),
            _roots(self, token),
            variable_values=asked.get("variables") or {},
            operation_name=asked.get("operationName"),
        )
        answer: Json = {"data": result.data}
        if result.errors:
            answer["errors"] = [{**_error(one.message), **one.formatted} for one in result.errors]
        return JSONResponse(answer, status_code=200 if result.data is not None or result.errors else 400)


def _roots(railway: Railway, token: Token) -> Mapping[str, Callable[..., object]]:
    view = _View(railway, token)
    return {
        "me": view.me,
        "projects": lambda _info, **_: _connection([view.project()] if not token.environment else []),
        "project": lambda _info, id: view.project(id),  # noqa: A006 - the argument's name in the schema
        "environments": lambda _info, projectId, **_: _connection(view.environments(projectId)),
        "environment": lambda _info, id, **_: view.environment(id),  # noqa: A006 - likewise
        "projectToken": view.project_token,
        "volumeInstance": lambda _info, id: view.instance(*railway.instance(id, token)),  # noqa: A006 - likewise
        "volumeInstanceBackupList": view.backups,
        "volumeInstanceBackupScheduleList": view.schedules,
        "workflowStatus": lambda _info, workflowId: {"status": "Complete" if workflowId else "NotFound"},
        **{name: _changing(getattr(_Changes(railway, token), name)) for name in SCHEMA.mutation_type.fields},  # type: ignore[union-attr]  # the schema has mutations
    }


def _changing(change: Callable[..., object]) -> Callable[..., object]:
    def run(info: GraphQLResolveInfo, **arguments: object) -> object:
        assert info.operation.operation is OperationType.MUTATION
        return change(**arguments)

    return run


@dataclass(frozen=True, slots=True)
class _View:
    """What one token sees."""

    railway: Railway
    token: Token

    def me(self, _info: object) -> Json:
        if self.token.environment:
            raise not_authorized()
        return {"id": "user-1", "name": "Olga", "email": "olga@example.com"}

    def project_token(self, _info: object) -> Json:
        if not self.token.environment:
            raise not_authorized()
        reach = self.token.environment
        return {
            "id": "pt-1",
            "environmentId": reach,
            "projectId": PROJECT,
            "environment": self.environment(reach),
            "project": self.project(),
        }

    def project(self, ident: str = PROJECT) -> Json:
        if ident != PROJECT:
            raise GraphQLError("Project not found")
        return {
            "id": PROJECT,
            "name": "shop",
            "createdAt": "2025-02-11T09:30:00.000Z",
            "environments": lambda _info, **_: _connection(self.environments(PROJECT)),
            "volumes": lambda _info, **_: _connection([self.volume(one) for one in self._volumes()]),
        }

    def environments(self, project: str) -> list[Json]:
        if project != PROJECT:
            raise GraphQLError("Project not found")
        return [self.environment(one) for one in self.railway.environments if self.token.environment in ("", one)]

    def environment(self, ident: str) -> Json:
        if ident not in self.railway.environments or self.token.environment not in ("", ident):
            raise not_authorized()
        held = [
            (volume, one) for volume in self._volumes() for one in volume.instances if one.environment == ident
        ]
        return {
            "id": ident,
            "name": self.railway.environments[ident],
            "projectId": PROJECT,
            "createdAt": "2025-02-11T09:30:00.000Z",
            "isEphemeral": False,
            "canAccess": True,
            "volumeInstances": lambda _info, **_: _connection([self.instance(*pair) for pair in held]),
        }

    def volume(self, volume: Volume) -> Json:
        reached = [one for one in volume.instances if self.token.environment in ("", one.environment)]
        return {
            "id": volume.id,
            "name": volume.name,
            "projectId": PROJECT,
            "createdAt": "2025-02-11T09:41:00.000Z",
            "project": lambda _info: self.project(),
            "volumeInstances": lambda _info, **_: _connection([self.instance(volume, one) for one in reached]),
        }

    def instance(self, volume: Volume, instance: Instance) -> Json:
        return {
            "id": instance.id,
            "volumeId": volume.id,
            "environmentId": instance.environment,
            "createdAt": "2025-02-11T09:41:00.000Z",
            "currentSizeMB": instance.size_mb,
            "sizeMB": 50_000,
            "isPendingDeletion": False,
            "mountPath": "/data",
            "region": "europe-west4",
            "serviceId": "svc-shop",
            "state": "READY",
            "externalId": f"vol_{instance.id}",
            "environment": lambda _info: self.environment(instance.environment),
            "volume": lambda _info: self.volume(volume),
        }

    def backups(self, _info: object, volumeInstanceId: str) -> list[Json]:
        _, instance = self.railway.instance(volumeInstanceId, self.token)
        return [
            {
                "id": one.id,
                "name": one.name or None,
                "createdAt": _instant(one.taken_at),
                "externalId": f"snap_{one.id}",
                "usedMB": one.used_mb,
                "referencedMB": one.used_mb,
                "volumeInstanceSizeMB": 50_000,
            }
            for one in instance.backups
        ]

    def schedules(self, _info: object, volumeInstanceId: str) -> list[Json]:
        _, instance = self.railway.instance(volumeInstanceId, self.token)
        made = {"createdAt": "2025-02-12T00:00:00.000Z", "cron": "0 4 * * *", "retentionSeconds": 518_400}
        return [{"id": f"sch-{kind}", "name": kind.title(), "kind": kind, **made} for kind in instance.kinds]

    def _volumes(self) -> list[Volume]:
        return list(self.railway.volumes.values())


@dataclass(frozen=True, slots=True)
class _Changes:
    """What one token may do; every method is a mutation and has its name and its arguments' names."""

    railway: Railway
    token: Token

    def _may_change(self) -> None:
        if self.token.reads_only:
            raise not_authorized()

    def _instance(self, ident: str) -> Instance:
        self._may_change()
        return self.railway.instance(ident, self.token)[1]

    def volumeUpdate(self, volumeId: str, input: Json) -> Json:  # noqa: A002 - likewise
        self._may_change()
        volume = self.railway.volume(volumeId, self.token)
        volume.name = str(input.get("name") or volume.name)
        return _View(self.railway, self.token).volume(volume)

    def volumeDelete(self, volumeId: str) -> bool:
        self._may_change()
        return self.railway.delete_volume(self.railway.volume(volumeId, self.token).id)

    def volumeInstanceUpdate(self, volumeId: str, input: Json, environmentId: str = "") -> bool:  # noqa: A002 - likewise
        self._may_change()
        volume = self.railway.volume(volumeId, self.token)
        if str(input.get("state", "")) in ("DELETED", "DELETING"):
            volume.instances = [one for one in volume.instances if environmentId not in ("", one.environment)]
        return True

    def volumeInstanceBackupCreate(self, volumeInstanceId: str, name: str = "") -> Json:
        return self.railway.take_backup(self._instance(volumeInstanceId), name)

    def volumeInstanceBackupDelete(self, volumeInstanceBackupId: str, volumeInstanceId: str) -> Json:
        return self.railway.delete_backup(self._instance(volumeInstanceId), volumeInstanceBackupId)

    def volumeInstanceBackupLock(self, volumeInstanceBackupId: str, volumeInstanceId: str) -> bool:
        return any(one.id == volumeInstanceBackupId for one in self._instance(volumeInstanceId).backups)

    def volumeInstanceBackupRestore(self, volumeInstanceBackupId: str, volumeInstanceId: str) -> Json:
        instance = self._instance(volumeInstanceId)
        restored = next(one for one in instance.backups if one.id == volumeInstanceBackupId)
        instance.size_mb = float(restored.used_mb)
        return {"workflowId": f"restore-{restored.id}"}

    def volumeInstanceBackupScheduleUpdate(self, volumeInstanceId: str, kinds: list[str]) -> bool:
        self._instance(volumeInstanceId).kinds = kinds
        return True

    def environmentDelete(self, id: str) -> bool:  # noqa: A002 - likewise
        self._may_change()
        if self.token.environment not in ("", id):
            raise not_authorized()
        del self.railway.environments[id]
        for volume in self.railway.volumes.values():
            volume.instances = [one for one in volume.instances if one.environment != id]
        return True


def _connection(nodes: Iterable[Json]) -> Json:
    edges = [{"cursor": str(node["id"]), "node": node} for node in nodes]
    return {"edges": edges, "pageInfo": {"hasNextPage": False, "hasPreviousPage": False}}


def _error(message: str) -> Json:
    """Return an error as Railway writes it: status 200, a code that says little, a trace id."""
    return {
        "message": message,
        "extensions": {"code": "INTERNAL_SERVER_ERROR"},
        "traceId": "1234567890123456789",
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
