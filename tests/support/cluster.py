"""A small Kubernetes API server: what `kubectl` needs to list, read and delete, with state that really changes."""

from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_KINDS = {
    "pods": "Pod",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "secrets": "Secret",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
Json = dict[str, object]
CHANNELS = "v5.channel.k8s.io"
"""The subprotocol of `exec`: the first byte of each message is its channel."""
_STDIN, _STDOUT, _STATUS, _CLOSE = 0, 1, 3, 255


@dataclass(slots=True)
class Cluster:
    """Objects by (resource, name) in the namespace `web`, and who asked for what."""

    token: str
    objects: dict[tuple[str, str], Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ran: list[list[str]] = field(default_factory=list)
    """The commands that were run in pods."""

    def plant(self, resource: str, name: str, **more: object) -> None:
        """Make an object."""
        metadata = {"name": name, "namespace": "web", "uid": f"uid-{name}"}
        self.objects[(resource, name)] = {
            "apiVersion": "v1",
            "kind": _KINDS[resource],
            "metadata": metadata,
            **more,
        }

    def app(self) -> Starlette:
        """Return the server."""
        pods = "/api/v1/namespaces/web/pods/{name}"
        exec_: list[BaseRoute] = [WebSocketRoute(f"{pods}/exec", self._exec)]
        return Starlette(
            routes=[
                *exec_,
                Route("/api", self._api),
                Route("/apis", self._groups),
                Route("/api/v1", self._resources),
                Route("/api/v1/namespaces/web/{resource}", self._many, methods=["GET", "DELETE"]),
                Route("/api/v1/namespaces/web/{resource}/{name}", self._one, methods=["GET", "DELETE"]),
            ]
        )

    async def _exec(self, socket: WebSocket) -> None:
        """Run a command: it says what it was asked to run, then what it reads, and ends well."""
        self.asked.append(f"WEBSOCKET {socket.url.path}")
        is_known = socket.headers.get("authorization") == f"Bearer {self.token}"
        if not is_known or CHANNELS not in socket.scope["subprotocols"]:
            await socket.close()
            return
        command = socket.query_params.getlist("command")
        self.ran.append(command)
        await socket.accept(subprotocol=CHANNELS)
        await socket.send_bytes(bytes([_STDOUT]) + f"ran {' '.join(command)}\n".encode())
        try:
            while socket.query_params.get("stdin") == "true":
                message = await socket.receive_bytes()
                if message[0] == _CLOSE:
                    break
                if message[0] == _STDIN:
                    await socket.send_bytes(bytes([_STDOUT]) + message[1:].upper())
            await socket.send_bytes(bytes([_STATUS]) + b'{"metadata":{},"status":"Success"}')
            await socket.close()
        except WebSocketDisconnect:
            return

    def _known(self, request: Request) -> bool:
        self.asked.append(f"{request.method} {request.url.path}")
        return request.headers.get("authorization") == f"Bearer {self.token}"

    async def _api(self, request: Request) -> Response:
        return JSONResponse({"kind": "APIVersions", "versions": ["v1"]}) if self._known(request) else _unknown()

    async def _groups(self, request: Request) -> Response:
        if not self._known(request):
            return _unknown()
        return JSONResponse({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})

    async def _resources(self, request: Request) -> Response:
        if not self._known(request):
            return _unknown()
        resources = [
            {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": _VERBS}
            for name, kind in _KINDS.items()
        ]
        return JSONResponse({"kind": "APIResourceList", "groupVersion": "v1", "resources": resources})

    async def _many(self, request: Request) -> Response:
        if not self._known(request):
            return _unknown()
        resource = request.path_params["resource"]
        names = [key for key in self.objects if key[0] == resource]
        items = [self.objects[key] for key in names]
        if request.method == "DELETE":
            for key in names:
                del self.objects[key]
        return JSONResponse(
            {"kind": f"{_KINDS[resource]}List", "apiVersion": "v1", "metadata": {}, "items": items}
        )

    async def _one(self, request: Request) -> Response:
        if not self._known(request):
            return _unknown()
        key = (request.path_params["resource"], request.path_params["name"])
        if key not in self.objects:
            return JSONResponse({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}, 404)
        found = self.objects[key]
        if request.method == "DELETE":
            del self.objects[key]
            return JSONResponse({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        return JSONResponse(found)


def _unknown() -> Response:
    return JSONResponse({"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401}, 401)
