"""One client scenario, played: logged in where the server wants that, then all that it offers is asked for.

The client is the official SDK's, at `/mcp/NAME`; what the suite's server sees of it went through the firewall.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx
import httpx2
from mcp import types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.support.installation import Served

CALLBACK: Final = "http://127.0.0.1:9/callback"
"""Where logins end: nobody listens there, the address alone is read."""
LIMIT_S: Final = 30
UNCALLED: Final = frozenset({"json_schema_2020_12_tool"})
"""A tool that no arguments are made up for."""
_GIVEN: Final[Mapping[str, object]] = {"number": 5, "integer": 5, "string": "x", "boolean": True, "object": {}}


@dataclass(slots=True)
class Playing:
    """One scenario under way."""

    served: Served
    server: str
    token: str
    revision: str
    context: Mapping[str, object]
    wants_login: bool
    words: list[str] = field(default_factory=list)
    """What went wrong, in the firewall's or the SDK's words."""

    async def play(self) -> None:
        """Log in where that is wanted, then ask for everything; once more where another login is needed."""
        if self.wants_login and not self._logged_in():
            return
        await self._try()
        if self.wants_login and any("upstream_login_needed" in words for words in self.words):
            self.words.clear()
            if self._logged_in():
                await self._try()

    async def _try(self) -> None:
        try:
            await self._speak()
        except* (MCPError, httpx2.HTTPError, OSError, ValueError) as errors:
            self.words.append(repr(errors))

    def _logged_in(self) -> bool:
        """Log in as an admin does with `stayhand mcp login`, without a browser: the suite's issuer asks nobody."""
        with httpx.Client(
            base_url=self.served.control, headers=self.served.admin, timeout=LIMIT_S, trust_env=False
        ) as admin:
            begun = admin.post(
                f"/api/mcp/{self.server}/login", json={"redirect": CALLBACK, "scopes": []}, timeout=LIMIT_S
            )
            if begun.is_error:
                self.words.append(begun.text)
                return False
            went = httpx.get(begun.json()["address"], follow_redirects=False, timeout=LIMIT_S, trust_env=False)
            answer = urlsplit(went.headers.get("location", "")).query
            done = admin.post(
                f"/api/mcp/{self.server}/login/finish",
                json={"id": begun.json()["id"], "answer": answer},
                timeout=LIMIT_S,
            )
            if done.is_error:
                self.words.append(done.text)
            return done.is_success

    async def _speak(self) -> None:
        headers = {"authorization": f"Bearer {self.token}"}
        mode = "legacy" if self.revision < "2026" else self.revision
        async with httpx2.AsyncClient(headers=headers, timeout=LIMIT_S, trust_env=False) as http:
            transport = streamable_http_client(f"{self.served.agents}/mcp/{self.server}", http_client=http)
            async with Client(
                transport,
                mode=mode,
                elicitation_callback=_filled,
                sampling_callback=_said,
                list_roots_callback=_roots,
            ) as client:
                await self._tools(client)
                await self._rest(client)

    async def _tools(self, client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        calls = [(one["name"], one["arguments"]) for one in self.context.get("toolCalls", [])]
        for name, arguments in calls or [
            (name, _arguments(tool, tools)) for name, tool in tools.items() if name not in UNCALLED
        ]:
            try:
                said = await client.call_tool(name, arguments)
                if (
                    said.is_error and self._approved()
                ):  # arguments that do not fit: the suite sends some on purpose
                    said = await client.call_tool(name, arguments)
            except (MCPError, ValueError) as error:  # what a server says wrongly, the SDK refuses
                self.words.append(f"{name}: {error}")
            else:
                self.words += [f"{name}: {said.content}"] if said.is_error else []

    def _approved(self) -> bool:
        """Agree to what waits; False: nothing does."""
        waiting = self.served.pending()
        for one in waiting:
            self.served.decide(str(one["id"]), "approve")
        return bool(waiting)

    async def _rest(self, client: Client) -> None:
        """Ask for a resource and a prompt: whether a stateless server has any, only the answer tells."""
        try:
            for resource in (await client.list_resources()).resources[:1]:
                await client.read_resource(resource.uri)
            for prompt in (await client.list_prompts()).prompts[:1]:
                await client.get_prompt(prompt.name)
        except MCPError as error:
            if error.code != types.METHOD_NOT_FOUND:
                self.words.append(str(error))


def _arguments(tool: types.Tool, tools: Mapping[str, types.Tool]) -> dict[str, object]:
    """Return arguments that a tool takes; a tool that echoes a schema gets that of its neighbour."""
    if tool.name == "json_schema_echo":
        return {"schema": tools["json_schema_2020_12_tool"].input_schema}
    wanted = tool.input_schema.get("properties", {})
    return {name: _GIVEN[wanted[name].get("type", "string")] for name in tool.input_schema.get("required", ())}


async def _filled(_context: object, params: types.ElicitRequestParams) -> types.ElicitResult:
    """Accept a form with its defaults (SEP-1034); an address is not opened."""
    if not isinstance(params, types.ElicitRequestFormParams):
        return types.ElicitResult(action="cancel")
    wanted = params.requested_schema.get("properties", {})
    return types.ElicitResult(
        action="accept", content={name: one.get("default", True) for name, one in wanted.items()}
    )


async def _said(_context: object, _params: object) -> types.CreateMessageResult:
    words = types.TextContent(text="Paris")
    return types.CreateMessageResult(role="assistant", content=words, model="none", stop_reason="endTurn")


async def _roots(_context: object) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///test/root", name="root")])
