"""Reduce a vendor's API description to what our resolvers ask and read.

`python policies/generators/schemas.py NAME KIND FILE SOURCE LICENCE` writes tests/cases/resolvers/published/NAME.json,
against which the tests hold `policies/resolvers/NAME.toml` and the scripted answers. KIND says what FILE is: `openapi`
(JSON or YAML, versions 2 and 3), `cloudflare` (the folder that holds the PyPI package), `orval` (an index.d.ts that
orval made), `speakeasy` (the `src` of a TypeScript package that Speakeasy made), `discovery` (a Google discovery document). Several files: parted by commas.

Of every operation that a resolver asks or proposes the table keeps method, path, names of the query and the shape of the
answer: at each object that is looked into ALL names that the vendor gives it, and their types. What is not there was
not found in the description, so a name of our own making fails.
"""

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pydantic
import yaml

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/cases/resolvers/published"
Schema = Mapping[str, object]
Tree = dict[str, "Tree"]
"""Names that are looked into, at every level; lists on the way are not counted."""


@dataclass(frozen=True)
class Wanted:
    """One request of ours."""

    method: str
    path: str
    """`{}` for each part that is filled in."""
    tree: Tree = field(default_factory=dict)


def main(name: str, kind: str, file: str, source: str, licence: str) -> None:
    """Write the reduced description of one vendor."""
    readers = {
        "openapi": OpenApi,
        "cloudflare": Cloudflare,
        "orval": Orval,
        "speakeasy": Speakeasy,
        "discovery": Discovery,
    }
    descriptions = [readers[kind](Path(one)) for one in file.split(",")]
    rows = []
    for one in _wanted(name):
        found = next(filter(None, (description.operation(one) for description in descriptions)), None)
        if found is None:
            sys.stderr.write(f"{name}: not in the description: {one.method} {one.path}\n")
        else:
            rows.append({"method": one.method, "path": one.path, **found})
    head = {"source": source, "licence": licence, "read": datetime.now(UTC).date().isoformat()}
    OUT.mkdir(exist_ok=True)
    text = json.dumps({**head, "operations": rows}, indent=1, sort_keys=True)
    (OUT / f"{name}.json").write_text(text + "\n", "utf-8")
    sys.stderr.write(f"{name}.json: {len(rows)} operations, {len(text)} characters\n")


def _wanted(name: str) -> list[Wanted]:
    """Return what the resolver file asks and proposes, with the names that it and the scripted answers look into."""
    file = tomllib.loads((ROOT / f"policies/resolvers/{name}.toml").read_text("utf-8"))
    found: dict[tuple[str, str], Tree] = {}
    for thing in file["thing"]:
        steps = [thing, *thing.get("then", ())]
        for step in steps:
            key = (step["ask"].get("method", "GET"), re.sub(r"\{[a-z_]+\}", "{}", step["ask"]["path"]))
            for path in _paths(step):
                _grow(found.setdefault(key, {}), path)
    for row in file.get("first", ()):
        method, path, *_ = row["send"].split(" ")
        found.setdefault((method, _proposed(path, row["request"])), {})
    cases = tomllib.loads((ROOT / "tests/cases/resolvers/vendors.toml").read_text("utf-8"))
    for line, text in [pair for case in cases["case"] for pair in case["answers"].items()]:
        method, _, address = line.partition(" ")
        for (other, template), tree in found.items():
            if method == other and _fits(template, address.partition("?")[0]):
                _look(tree, json.loads(text))
    return [
        Wanted(method, path, tree) for (method, path), tree in sorted(found.items(), key=lambda one: one[0][::-1])
    ]


def _paths(step: Schema) -> Iterator[str]:
    """Yield every path into the answer of a step."""
    inside = step.get("found", "")
    facts = [path if isinstance(path, str) else path.get("path", "") for path in step.get("facts", {}).values()]
    lies = step.get("lies", {})
    each = lies.get("each", "")
    own = [one for name in ("environment",) for one in lies.get(name, ())]
    templates = [
        text for name, texts in lies.items() if isinstance(texts, list) and name != "environment" for text in texts
    ]
    filled = {"this"} | set(re.findall(r"\{([a-z_]+)\}", step["ask"]["path"]))
    places = [word for text in templates for word in re.findall(r"\{([^{}]+)\}", text) if word not in filled]
    for path in (
        inside,
        *(f"{inside}.{one}" for one in (*facts, *own, *places, each, step.get("match", "")) if one),
    ):
        yield path.strip(".")
    for path in (*step.get("more", ()), *(less["path"] for less in step.get("less", ()))):
        yield path.lstrip("+")


def _grow(tree: Tree, path: str) -> None:
    for part in re.split(r"(?<!\\)\.", path) if path else ():
        name = part.replace("\\.", ".")
        keyed = re.fullmatch(r"([^\[]*)\[([^=]+)=.*\]", name)
        tree = tree.setdefault(keyed[1] if keyed else name, {})
        if keyed:
            tree.setdefault(keyed[2], {})


def _look(tree: Tree, value: object) -> None:
    if isinstance(value, list):
        for item in value:
            _look(tree, item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _look(tree.setdefault(name, {}), inner)


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.escape(template).replace(r"\{\}", "[^/]+"), path) is not None


def _proposed(path: str, request: str) -> str:
    """Return the template of a proposed address: its words are groups of the request that it answers."""
    first = re.sub(r"\(\?:([^()|]*)\|[^()]*\)", r"\1", request)
    groups = dict(re.findall(r"\(\?P<(\w+)>([^()]+)\)", first))
    whole = re.sub(r"\{(\w+)\}", lambda found: groups.get(found[1], "{}"), path)
    return whole.replace("[^/]+", "{}")


class OpenApi:
    """A description in OpenAPI, versions 2 and 3."""

    def __init__(self, file: Path) -> None:
        """Read it."""
        text = file.read_text("utf-8")
        self.document = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
        servers = self.document.get("servers") or [{"url": self.document.get("basePath", "")}]
        base = re.sub(r"^(?:https?:)?//[^/]+", "", servers[0]["url"]).rstrip("/")
        self.paths = {
            re.sub(r"\{[^}]*\}", "{}", f"{base}{path}"): item for path, item in self.document["paths"].items()
        }

    def operation(self, one: Wanted) -> Mapping[str, object] | None:
        """Return the names of the query and the shape of the answer."""
        item = self.paths.get(one.path) or self._variable(one.path)
        about = (item or {}).get(one.method.lower())
        if about is None:
            return None
        listed = [self._at(entry) for entry in (*item.get("parameters", ()), *about.get("parameters", ()))]
        query = sorted(str(entry["name"]) for entry in listed if entry["in"] == "query")
        answer = self._answer(about["responses"])
        return {"query": query, **({"answer": self.shape(answer, one.tree)} if answer and one.tree else {})}

    def _variable(self, path: str) -> Mapping[str, object] | None:
        """Find a path whose literal part the description gives as a parameter."""
        return next((item for known, item in self.paths.items() if _fits(known, path.replace("{}", "x"))), None)

    def _answer(self, responses: Mapping[str, object]) -> Schema:
        for status in ("200", "201", 200, 201):
            found = self._at(responses.get(status) or {})
            content = found.get("content") or {}
            inner = next(
                (media.get("schema") for kind, media in content.items() if "json" in kind), found.get("schema")
            )
            if inner:
                return inner
        return {}

    def _at(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found = self.document
            for part in str(schema["$ref"]).removeprefix("#/").split("/"):
                name = unquote(part).replace("~1", "/").replace("~0", "~")
                found = found[int(name)] if isinstance(found, list) else found[name]
            schema = found
        return schema

    def shape(self, schema: Schema, tree: Tree) -> dict[str, object]:
        """Return JSON Schema of what is looked into: alternatives are joined, names that are not wanted hold anything."""
        schema = self._at(schema)
        parts = [*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())]
        return joined([*(self.shape(part, tree) for part in parts), self._own(schema, tree)])

    def _own(self, schema: Schema, tree: Tree) -> dict[str, object]:
        found: dict[str, object] = {}
        kinds = schema.get("type", [])
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if "properties" in schema or "additionalProperties" in schema:
            kinds.add("object")
        if kinds and schema.get("nullable"):
            kinds.add("null")
        if kinds:
            found["type"] = sorted(kinds)
        if "enum" in schema:
            found["enum"] = [*schema["enum"], *([None] if schema.get("nullable") else [])]
        if "properties" in schema:
            inner = schema["properties"]
            found["properties"] = {
                name: self.shape(inner[name], tree[name]) if name in tree else {} for name in sorted(inner)
            }
            found["additionalProperties"] = bool(schema.get("additionalProperties", False))
        elif "additionalProperties" in schema:
            found["additionalProperties"] = True
        if "items" in schema:
            found["items"] = self.shape(schema["items"], tree)
        return found


def joined(parts: list[dict[str, object]]) -> dict[str, object]:
    """Return one shape that takes what any of several does."""
    parts = [part for part in parts if part]
    if len(parts) <= 1:
        return parts[0] if parts else {}
    found: dict[str, object] = {}
    if all("type" in part for part in parts):
        found["type"] = sorted({kind for part in parts for kind in part["type"]})
    names = [part["properties"] for part in parts if "properties" in part]
    if names:
        keys = sorted({key for one in names for key in one})
        found["properties"] = {key: joined([one[key] for one in names if key in one]) for key in keys}
        found["additionalProperties"] = any(
            part.get("additionalProperties") for part in parts if "properties" in part
        )
    if items := [part["items"] for part in parts if "items" in part]:
        found["items"] = joined(items)
    return found


class Cloudflare(OpenApi):
    """The models of the PyPI package `cloudflare`, which Stainless makes of Cloudflare's description."""

    MODELS = {
        "/client/v4/zones/{}": ("zones", "Zone"),
        "/client/v4/accounts/{}/d1/database/{}": ("d1", "D1"),
        "/client/v4/accounts/{}/r2/buckets/{}": ("r2", "Bucket"),
        "/client/v4/accounts/{}/storage/kv/namespaces/{}": ("kv", "Namespace"),
        "/client/v4/accounts/{}/d1/database/{}/time_travel/bookmark": (
            "d1.database",
            "TimeTravelGetBookmarkResponse",
        ),
        "/client/v4/zones/{}/dns_records": ("dns", "RecordResponse"),
    }

    def __init__(self, file: Path) -> None:
        """Remember where the package lies."""
        sys.path.insert(0, str(file))
        self.table = (ROOT / "policies/apis/cloudflare.tsv").read_text("utf-8")
        self.document: Mapping[str, object] = {}

    def operation(self, one: Wanted) -> Mapping[str, object] | None:
        """Return the answer's envelope around the model."""
        if f"\t{one.method}\t{one.path}\t" not in self.table:
            return None
        if one.path not in self.MODELS or not one.tree:
            return {"query": []}
        module, name = self.MODELS[one.path]
        model = getattr(importlib.import_module(f"cloudflare.types.{module}"), name)
        self.document = pydantic.TypeAdapter(model).json_schema(ref_template="#/$defs/{model}")
        inner = self.shape(self.document, one.tree.get("result", {}))
        listed = one.path.endswith("dns_records")
        envelope = {"errors": {}, "messages": {}, "result": inner, "success": {"type": ["boolean"]}}
        if listed:
            envelope["result"] = {"type": ["array"], "items": inner}
            counts = ("count", "page", "per_page", "total_count")
            envelope["result_info"] = {
                "type": ["object"], "additionalProperties": False,
                "properties": {count: {"type": ["number"]} for count in counts},
            }  # fmt: skip
        shape = {"type": ["object"], "properties": envelope, "additionalProperties": False}
        return {"query": ["page", "per_page"] if listed else [], "answer": shape}


class Orval(OpenApi):
    """The TypeScript types that orval makes of a description."""

    def __init__(self, file: Path) -> None:
        """Read the types and the operations of the package."""
        self.types = file.read_text("utf-8")
        self.document = {}
        table = (ROOT / "policies/apis/supabase.tsv").read_text("utf-8")
        self.names = {
            tuple(line.split("\t")[1:3]): line.split("\t")[3] for line in table.splitlines() if "\t" in line
        }

    def operation(self, one: Wanted) -> Mapping[str, object] | None:
        """Return the shape of the type that an operation answers with."""
        name = self.names.get((one.method, one.path))
        if name is None:
            return None
        answer = re.search(rf"^type {name}Response20[01] = \{{\s*data: (\S+);", self.types, re.MULTILINE)
        return {"query": [], **({"answer": self._typed(answer[1], one.tree)} if answer and one.tree else {})}

    def _typed(self, text: str, tree: Tree) -> dict[str, object]:
        if text.endswith("[]"):
            return {"type": ["array"], "items": self._typed(text[:-2], tree)}
        plain = {"string": "string", "number": "number", "boolean": "boolean", "null": "null"}
        if all(part.strip() in plain for part in text.split("|")):
            return {"type": sorted({plain[part.strip()] for part in text.split("|")})}
        listed = re.search(rf"^declare const {text}: \{{(.*?)^\}};", self.types, re.MULTILINE | re.DOTALL)
        if listed is not None:
            return {"type": ["string"], "enum": sorted(re.findall(r': "([^"]*)"', listed[1]))}
        body = re.search(rf"^interface {text} \{{(.*?)^\}}", self.types, re.MULTILINE | re.DOTALL)
        if body is None:
            return {}
        named = re.findall(
            r"^    (\w+)\??: ([^;]+);", re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL), re.MULTILINE
        )
        properties = {key: self._typed(kind, tree[key]) if key in tree else {} for key, kind in sorted(named)}
        return {"type": ["object"], "properties": properties, "additionalProperties": False}


class Discovery(OpenApi):
    """A discovery document of Google."""

    def __init__(self, file: Path) -> None:
        """Read it."""
        self.document = json.loads(file.read_text("utf-8"))
        self.methods = dict(self._all(self.document))

    def _all(self, level: Mapping[str, object]) -> Iterator[tuple[tuple[str, str], Mapping[str, object]]]:
        for method in level.get("methods", {}).values():
            path = f"/{self.document['servicePath']}{method.get('flatPath', method['path'])}"
            yield (method["httpMethod"], re.sub(r"\{[^}]*\}", "{}", path)), method
        for inner in level.get("resources", {}).values():
            yield from self._all(inner)

    def operation(self, one: Wanted) -> Mapping[str, object] | None:
        """Return the names of the query and the shape of the answer."""
        method = self.methods.get((one.method, one.path))
        if method is None:
            return None
        query = sorted(
            name for name, about in method.get("parameters", {}).items() if about["location"] == "query"
        )
        answer = self.shape(method.get("response", {}), one.tree) if one.tree and "response" in method else None
        return {"query": query, **({"answer": answer} if answer else {})}

    def _at(self, schema: Schema) -> Schema:
        return self.document["schemas"][schema["$ref"]] if "$ref" in schema else schema


_TYPE = re.compile(r"^export (?:type|const) (\w+) =(\s*\{.*?^\}(?: as const)?|.*?);$", re.MULTILINE | re.DOTALL)


class Speakeasy(OpenApi):
    """The TypeScript types that Speakeasy makes of a description: a function for each operation, a file for each type."""

    def __init__(self, file: Path) -> None:
        """Read every function and every type."""
        self.document = {}
        self.operations = {}
        for path in (file / "funcs").glob("*.ts"):
            text = path.read_text("utf-8")
            where, method = re.search(r'pathToFunc\(\s*"([^"]+)"', text), re.search(r'method: "([A-Z]+)"', text)
            if where and method:
                answer = re.search(r"M\.json\(20[01], (?:z\.array\()?(\w+)\$inboundSchema", text)
                query = re.search(r"encodeFormQuery\(\{(.*?)\}", text, re.DOTALL)
                names = sorted(re.findall(r'^\s+"?(\w+)"?:', query[1], re.MULTILINE)) if query else []
                self.operations[method[1], re.sub(r"\{\w+\}", "{}", where[1])] = (
                    answer[1] if answer else "",
                    names,
                )
        self.types: dict[str, str] = {}
        for path in (file / "models").glob("*.ts"):
            for found in _TYPE.finditer(path.read_text("utf-8")):
                self.types.setdefault(found[1], "")
                if not found[2].strip().startswith(("ClosedEnum", "OpenEnum", "z.")):
                    self.types[found[1]] = self.types[found[1]] or found[2]

    def operation(self, one: Wanted) -> Mapping[str, object] | None:
        """Return the shape of what an operation's function gives back."""
        if (one.method, one.path) not in self.operations:
            return None
        answer, query = self.operations[one.method, one.path]
        return {"query": query, **({"answer": self._typed(answer, one.tree)} if answer and one.tree else {})}

    def _typed(self, text: str, tree: Tree) -> dict[str, object]:
        """Return the shape of a TypeScript type."""
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).strip().removesuffix("as const").strip()
        plain = {"string": "string", "number": "number", "boolean": "boolean", "null": "null", "Date": "string"}
        if text.startswith("{") and text.endswith("}") and not re.search(r"^\}", text[:-1], re.MULTILINE):
            if re.match(r"\{\s*\[k: string\]", text):
                return {"type": ["object"], "additionalProperties": True}
            if re.search(r'^\s+\w+: "', text, re.MULTILINE) and ";" not in text:
                return {"type": ["string"], "enum": sorted(re.findall(r': "([^"]*)",?$', text, re.MULTILINE))}
            named = re.findall(r'^  (\w+|"[^"]+")\??:\s*(.*?);$', text, re.MULTILINE | re.DOTALL)
            properties = {
                (key := name.strip('"')): self._typed(kind, tree[key]) if key in tree else {}
                for name, kind in sorted(named)
            }
            return {"type": ["object"], "properties": properties, "additionalProperties": False}
        if listed := re.fullmatch(r"Array<(.*)>", text, re.DOTALL):
            return {"type": ["array"], "items": self._typed(listed[1], tree)}
        parts = [part.strip() for part in re.split(r"[|&]", text) if part.strip() not in ("", "undefined")]
        if len(parts) > 1:
            return joined([self._typed(part, tree) for part in parts])
        word = parts[0] if parts else ""
        if word in plain:
            return {"type": [plain[word]]}
        return self._typed(self.types[word], tree) if self.types.get(word) else {}


if __name__ == "__main__":
    main(*sys.argv[1:6])
