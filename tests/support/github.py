"""A small GitHub API server: repositories, issues by page and branches, with state that really changes.

Addresses in its answers are the vendor's own, as GitHub's are, and its issues come in pages with a `Link` field.
"""

from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

API = "https://api.github.com"
NAME = "acme/app"
PAGE = 2
Json = dict[str, object]


@dataclass(slots=True)
class GitHub:
    """One repository, who may ask, and what was asked."""

    token: str
    issues: list[Json] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    is_there: bool = True
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        """Return the server."""
        repo = f"/repos/{NAME}"
        return Starlette(
            routes=[
                Route(repo, self._repo, methods=["GET", "DELETE"]),
                Route(f"{repo}/issues", self._issues, methods=["GET", "POST"]),
                Route(repo + "/git/refs/heads/{branch}", self._ref, methods=["DELETE", "PATCH"]),
                Route(repo + "/git/ref/heads/{branch}", self._ref, methods=["GET"]),
            ]
        )

    def _known(self, request: Request) -> bool:
        self.asked.append(f"{request.method} {request.url.path}")
        return self.is_there and request.headers.get("authorization") == f"Bearer {self.token}"

    async def _repo(self, request: Request) -> Response:
        if not self._known(request):
            return _missing()
        if request.method == "DELETE":
            self.is_there = False
            return Response(status_code=204)
        return JSONResponse({"id": 1, "name": "app", "full_name": NAME, "url": f"{API}/repos/{NAME}"})

    async def _issues(self, request: Request) -> Response:
        if not self._known(request):
            return _missing()
        if request.method == "POST":
            asked = await request.json()
            self.issues.append(_issue(len(self.issues) + 1, str(asked["title"])))
            return JSONResponse(self.issues[-1], status_code=201)
        page = int(request.query_params.get("page", "1"))
        shown = self.issues[(page - 1) * PAGE : page * PAGE]
        more = {"link": f'<{API}/repos/{NAME}/issues?page={page + 1}>; rel="next"'}
        return JSONResponse(shown, headers=more if page * PAGE < len(self.issues) else {})

    async def _ref(self, request: Request) -> Response:
        branch = str(request.path_params["branch"])
        if not self._known(request) or branch not in self.branches:
            return _missing()
        if request.method == "DELETE":
            del self.branches[branch]
            return Response(status_code=204)
        if request.method == "PATCH":
            self.branches[branch] = str((await request.json())["sha"])
        name = f"refs/heads/{branch}"
        body: Json = {
            "ref": name,
            "url": f"{API}/repos/{NAME}/git/{name}",
            "object": {"sha": self.branches[branch]},
        }
        return JSONResponse(body)


def _issue(number: int, title: str) -> Json:
    return {"number": number, "title": title, "url": f"{API}/repos/{NAME}/issues/{number}"}


def _missing() -> Response:
    return JSONResponse({"message": "Not Found"}, status_code=404)
