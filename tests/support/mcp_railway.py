"""An MCP server for Railway: three tools that call Railway's API with the credential that the caller brings."""

import json

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.railway_state import Json

_DELETE = "mutation($id: String!) { volumeDelete(volumeId: $id) }"
_SHOW = "query($id: String!) { environment(id: $id) { id name } }"
_LIMIT_S = 60
_TEXT = {"type": "string"}


def _tool(name: str, description: str, *needed: str, **properties: object) -> Json:
    schema = {"type": "object", "properties": properties, "required": list(needed)}
    return {"name": name, "description": description, "inputSchema": schema}


TOOLS = (
    _tool("volume_delete", "Delete a volume.", "volumeId", volumeId=_TEXT),
    _tool("disk_drop", "Delete a disk.", "disk", disk={"type": "object"}),
    _tool("get_environment", "Get an environment.", "environmentId", environmentId=_TEXT),
    _tool("run_query", "Run a GraphQL operation.", "query", query=_TEXT, variables={"type": "object"}),
)


def route(railway: str) -> Route:
    """Return the route of the server; `railway`: where its API is."""

    async def serve(request: Request) -> Response:
        message = json.loads(await request.body())
        if "id" not in message:
            return Response(status_code=202)
        result = await _result(message, railway, request.headers.get("authorization", ""))
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], **result})

    return Route("/mcp", serve, methods=["POST"])


async def _result(message: Json, railway: str, login: str) -> Json:
    params = message.get("params")
    said = params if isinstance(params, dict) else {}
    match message["method"]:
        case "initialize":
            info = {"name": "railway", "version": "1"}
            version = said["protocolVersion"]
            return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}}
        case "tools/list":
            return {"result": {"tools": list(TOOLS)}}
        case "tools/call":
            text = await _asked(railway, login, _document(said["name"], said.get("arguments", {})))
            return {"result": {"content": [{"type": "text", "text": text}]}}
        case method:
            return {"error": {"code": -32601, "message": f"no {method}"}}


def _document(tool: str, arguments: Json) -> Json:
    match tool:
        case "volume_delete":
            return {"query": _DELETE, "variables": {"id": arguments["volumeId"]}}
        case "disk_drop":
            disk = arguments["disk"]
            assert isinstance(disk, dict)
            return {"query": _DELETE, "variables": {"id": disk["key"]}}
        case "get_environment":
            return {"query": _SHOW, "variables": {"id": arguments["environmentId"]}}
        case _:
            return arguments


async def _asked(railway: str, login: str, document: Json) -> str:
    async with httpx.AsyncClient(trust_env=False, timeout=_LIMIT_S) as http:
        answer = await http.post(f"{railway}/graphql/v2", json=document, headers={"authorization": login})
    return answer.text
