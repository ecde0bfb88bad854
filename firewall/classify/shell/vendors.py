"""Vendors' command lines that send requests or SQL given as plain words: `http`, `gh api`, `sqlite3`."""

import re

from firewall.classify.draft import Source
from firewall.classify.http import Request, judge_http
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish, places_of, read_use
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word
from firewall.classify.sql.judge import judge_sql
from firewall.core.effect import Effect

_METHOD = re.compile(r"[A-Za-z]{3,7}")
_ITEM = re.compile(r"[^=:@]+(?::=@?|=@?|@)(?!=)")
_WRITES = ("-f", "--raw-field", "-F", "--field", "--input")


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
    data = [word for word in items if _ITEM.match(word.text) and "==" not in word.text]
    text = url.text if not url.text.startswith(":") else f"localhost{url.text}"
    headers = {
        word.text.partition(":")[0].lower(): word.text.partition(":")[2] for word in items if word not in data
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
    sends = [word for name in _WRITES for word in options.values((name,))]
    named = options.values(("-X", "--method"))
    method = named[-1].text.upper() if named and named[-1].known else ("POST" if sends else "GET")
    for draft in judge_http(_gh_request(words[1], method, options, sends), analysis.context, command.span):
        draft.attributes.pop("foreign_credential", None)
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
    return True


def _gh_request(path: Word, method: str, options: Options, sends: list[Word]) -> Request:
    query = next((word for word in sends if word.text.startswith("query=")), None)
    graphql = path.text.strip("/") == "graphql"
    body = (
        query.text.removeprefix("query=")
        if graphql and query is not None
        else " ".join(word.text for word in sends)
    )
    return Request(
        "POST" if graphql else method,
        path.text if "://" in path.text else f"https://api.github.com/{path.text.lstrip('/')}",
        {"content-type": "application/graphql"} if graphql else {},
        body,
        body_known=all(word.known and not word.text.partition("=")[2].startswith("@") for word in sends)
        and not options.values(("--input",)),
        url_known=path.known or path.head.count("/") > 0,
    )


def sqlite(command: Command, program: Program, analysis: Analysis) -> bool:
    """`sqlite3 FILE SQL`: SQL on a file; without SQL a session."""
    use = read_use(program, command)
    words = list(use.positional)
    if not words:
        return False
    texts = [*use.options.values(("-cmd",)), *words[1:]]
    feed = command.feed
    sources = [word.source or Source(word.text, base=None, outer=word.span) for word in texts]
    if not sources and feed is not None and feed.text is not None:
        sources = [feed.source or Source(feed.text, base=None, outer=command.span)]
    if not sources:
        draft = analysis.opaque(command.span, "a database session", effects=(Effect.EXEC, Effect.UNKNOWN))
        finish(draft, command, analysis)
        return True
    for source in sources:
        found = judge_sql(source, "sqlite3", analysis.context, places_of(use))
        verb = Verb.READ if found.effects <= {Effect.READ} else Verb.EDIT
        others = [Word(path, head=path, span=source.whole()) for path in found.paths]
        touched = [Touched(verb, word) for word in (words[0], *others)]
        for group in touch_drafts(touched, command.scope, analysis.context):
            draft = add(group, command, analysis, "sql:run", f"{found.summary} (in {{path}})")
            draft.effects = (draft.effects | found.effects) - (
                {Effect.WRITE} if Effect.WRITE not in found.effects else set()
            )
            draft.unseen += found.unseen
            draft.evidence += found.evidence
            draft.effects |= {Effect.UNKNOWN} if not all(word.known for word in texts) else set()
    return True
