"""Vendors' command lines that send requests given as plain words: `http`, `gh api`."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from firewall.classify.http import Request, judge_http
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word

_METHOD = re.compile(r"[A-Za-z]{3,7}")
_ITEM = re.compile(r"[^=:@]+(?::=@?|=@?|@)(?!=)")
_QUERY = re.compile(r"[^=:@]+==")
_SIGN = re.compile(r":?==?@?")
_WRITES = ("-f", "--raw-field", "-F", "--field", "--input")
_TYPED = ("-F", "--field")


def httpie(command: Command, program: Program, analysis: Analysis) -> bool:
    """`http [METHOD] URL [ITEMS]`: one request."""
    options, _ = read_options(command.words[1:], program.takes)
    words = list(options.positional)
    if not words:
        return False
    method = ""
    if len(words) > 1 and words[0].known and _METHOD.fullmatch(words[0].text):
        method = words.pop(0).text.upper()
    url, items = words[0], words[1:]
    asked = [word for word in items if _QUERY.match(word.text)]
    data = [word for word in items if _ITEM.match(word.text) and word not in asked]
    text = url.text if not url.text.startswith(":") else f"localhost{url.text}"
    headers = {
        word.text.partition(":")[0].lower(): word.text.partition(":")[2]
        for word in items
        if word not in data and word not in asked
    }
    request = Request(
        method or ("POST" if data or options.given("--raw") or command.feed is not None else "GET"),
        text,
        headers,
        " ".join(word.text for word in data),
        body_known=command.feed is None,
        from_file=any("@" in word.text for word in data),
        credentials=bool(options.values(("-a", "--auth"))),
        url_known=url.known,
        fields="&".join(_SIGN.sub("=", word.text, count=1) for word in items),
    )
    for draft in judge_http(request, analysis.context, command.span):
        draft.point(url.span, "the address")
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
    for group in touch_drafts(
        [Touched(Verb.OVERWRITE, word) for word in options.values(("-o", "--output"))],
        command.scope,
        analysis.context,
    ):
        add(group, command, analysis, "shell:http", "writes what it downloads to {path}")
    return True


def gh(command: Command, program: Program, analysis: Analysis) -> bool:
    """`gh api PATH`: one request to GitHub; every other subcommand is left to its rows."""
    options, _ = read_options(command.words[1:], program.takes)
    words = options.positional
    if not words or words[0].text != "api":
        return False
    if len(words) < 2:
        return False
    sends = [(name, word) for name in _WRITES for word in options.values((name,))]
    named = options.values(("-X", "--method"))
    method = named[-1].text.upper() if named else ("POST" if sends else "GET")
    request = _gh_request(words[1], method, options, sends)
    if named and not named[-1].known:
        request = replace(request, redirected="its method is not known before it runs")
    for draft in judge_http(request, analysis.context, command.span):
        draft.attributes.pop("foreign_credential", None)
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
    return True


def _gh_request(path: Word, method: str, options: Options, sends: list[tuple[str, Word]]) -> Request:
    """Return the request that `gh api` sends: fields as JSON, for `graphql` those beside `query` as variables."""
    fields: dict[str, object] = {}
    for name, word in sends:
        key, _, value = word.text.partition("=")
        if name != "--input" and key:
            _put(fields, key, _typed(value) if name in _TYPED else value)
    body: dict[str, object] = fields
    if path.text.strip("/") == "graphql":
        method = "POST"
        apart = ("query", "operationName")
        variables = {key: value for key, value in fields.items() if key not in apart}
        body = {**{key: fields[key] for key in apart if key in fields}, "variables": variables}
    host = next((word.text for word in options.values(("--hostname",))), "")
    base = f"https://{host}/api/v3" if host and host != "github.com" else "https://api.github.com"
    headers = {"content-type": "application/json"}
    for word in options.values(("-H", "--header")):
        key, _, value = word.text.partition(":")
        headers[key.strip().lower()] = value.strip()
    seen = all(word.known and not word.text.partition("=")[2].startswith("@") for _, word in sends)
    return Request(
        method,
        path.text if "://" in path.text else f"{base}/{path.text.lstrip('/')}",
        headers,
        json.dumps(body) if sends else "",
        body_known=seen and not options.values(("--input",)),
        url_known=path.known or path.head.count("/") > 0,
    )


def _typed(value: str) -> object:
    """Return a `-F` value as gh sends it: true, false, null and whole numbers are themselves."""
    plain: Mapping[str, object] = {"true": True, "false": False, "null": None}
    if value in plain:
        return plain[value]
    return int(value) if re.fullmatch(r"-?\d{1,18}", value) else value


def _put(fields: dict[str, object], key: str, value: object) -> None:
    """Set `a[b][]=c` the way gh does: objects by name, lists by `[]`."""
    parts = [part.rstrip("]") for part in key.split("[")][:8]
    into = fields
    for at, part in enumerate(parts):
        following = parts[at + 1] if at + 1 < len(parts) else None
        if following is None:
            into[part] = value
        elif following == "":
            held = into.setdefault(part, [])
            if isinstance(held, list):
                held.append(value)
            return
        else:
            inner = into.setdefault(part, {})
            if not isinstance(inner, dict):
                return
            into = inner
