"""curl and wget: their options to one request for each address, and the files that they read and write."""

import re
from dataclasses import dataclass, field, replace

from firewall.classify.draft import Draft, Source, shown
from firewall.classify.http import Request, judge_http
from firewall.classify.paths import is_secret
from firewall.classify.rows import Program, Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.contents import Read, add_contents, left_out
from firewall.classify.shell.curlrc import options_of
from firewall.classify.shell.help import shows_only
from firewall.classify.shell.options import Options, read_options
from firewall.classify.shell.touches import Touched, spot_of, touch_drafts
from firewall.classify.shell.words import Word

_DATA = (
    "-d",
    "--data",
    "--data-ascii",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--json",
    "--url-query",
)
_FORM = ("-F", "--form", "--form-string")
_UNSEEN = ("-K", "--config")


@dataclass(slots=True)
class _Body:
    """The body of a request being put together."""

    parts: list[str] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    files: list[Word] = field(default_factory=list)
    secret: bool = False
    """One of the files usually holds credentials."""
    known: bool = True
    standard_input: bool = False


def curl(command: Command, program: Program, analysis: Analysis) -> bool:
    """`curl`: its options to one request per address, and the files that it reads and writes."""
    if shows_only(command.words[1:], ("-V", "-h", "-M", "--manual")):
        return False
    for one in _operations(command):
        _operation(one, program, analysis)
    return True


def _operations(command: Command) -> list[Command]:
    """Return the operations of a line of curl's: `--next` begins one with options of its own."""
    found: list[list[Word]] = [[]]
    for word in command.words[1:]:
        if word.text == "-:" or (len(word.text) > 4 and "--next".startswith(word.text)):
            found.append([])
        else:
            found[-1].append(word)
    if len(found) == 1:
        return [command]
    return [replace(command, words=(command.words[0], *words)) for words in found[:MAX_ADDRESSES]]


def _operation(command: Command, program: Program, analysis: Analysis) -> None:
    options, _ = read_options(command.words[1:], program.takes)
    for word in options.values(_UNSEEN):
        read = _reader(command, program)
        if word.text == "-" and command.feed is not None and command.feed.text is not None:
            read(analysis, command.feed.source or Source(command.feed.text, base=None, outer=command.span))
            continue
        draft = analysis.opaque(word.span, f"curl reads its options from {shown(word.text)}")
        finish(draft, command, analysis)
        _configured(draft, word, command, read, analysis)
    _transfer(options, command, analysis)


def _reader(command: Command, program: Program) -> Read:
    """Return the reader of a file of curl's options, which count beside those of its line."""

    def read(inner: Analysis, source: Source) -> None:
        added, whole = options_of(source)
        given = replace(command, words=(*command.words, *added))
        options, _ = read_options(given.words[1:], program.takes)
        _transfer(options, given, inner)
        if not whole:
            left_out(inner, "a line of curl's options that is not understood")

    return read


def _configured(draft: Draft, word: Word, command: Command, read: Read, analysis: Analysis) -> None:
    """Add what curl does with the options of a file, where the file is visible."""
    stdin = word.text == "-" and command.feed is not None
    paths = command.feed.paths if stdin and command.feed is not None else spot_of(word, command.scope).paths
    if not command.scope.machine and paths and word.known:
        add_contents(draft, paths, command, analysis, lambda _path, _text: read)


def _transfer(options: Options, command: Command, analysis: Analysis) -> None:
    """Add the requests of a command line, and the files that it reads and writes."""
    urls = _few([*options.positional, *options.values(("--url",))], command, analysis)
    body = _curl_body(options, command)
    body.secret = _secret_files(body.files, command, analysis)
    _files(options, body, command, analysis)
    if not urls and not options.values(_UNSEEN):
        finish(analysis.opaque(command.span, "curl without an address that can be seen"), command, analysis)
    for url in urls:
        request = _curl_request(url, options, body, command, analysis)
        _send(request, url, command, analysis)
    if options.loose is not None and options.loose in urls and len(urls) > 1:
        finish(
            analysis.opaque(options.loose.span, "options of curl that are not known before it runs"),
            command,
            analysis,
        )


MAX_ADDRESSES = 24


def _few(urls: list[Word], command: Command, analysis: Analysis) -> list[Word]:
    """Return the addresses that are read; more than these are said to be unknown."""
    if len(urls) > MAX_ADDRESSES:
        finish(analysis.opaque(command.span, "more addresses than are read here"), command, analysis)
    return urls[:MAX_ADDRESSES]


def _send(request: Request, url: Word, command: Command, analysis: Analysis) -> None:
    method = request.method
    for draft in judge_http(request, analysis.context, command.span):
        draft.point(url.span, "the address")
        if method not in ("GET", "POST"):
            for word in command.words:
                if method in word.text.upper() and "://" not in word.text:
                    draft.point(word.span, f"the method {method}")
        analysis.drafts.append(draft)
        finish(draft, command, analysis)


def _curl_request(url: Word, options: Options, body: _Body, command: Command, analysis: Analysis) -> Request:
    method = _method(options, body)
    secret = analysis.context.catalogue.variables.secret
    names = [name for word in (*body.words, url) for name in word.names]
    hidden = not url.known and not _host_known(url)
    text = "".join(
        ("&" if index and not body.parts[0].startswith(("{", "[")) else "") + part
        for index, part in enumerate(body.parts)
    )
    get = options.given("-G") == "-G" or options.given("--get") == "--get"
    return Request(
        method=method,
        url=(url.text + ("&" if "?" in url.text else "?") + text) if get and text else url.text,
        headers=_headers(options),
        body="" if get else text,
        body_source=body.words[0].source if len(body.words) == 1 else None,
        body_known=body.known,
        from_file=bool(body.files)
        or (body.standard_input and (command.feed is None or command.feed.text is None)),
        sends_secret=any(secret.fullmatch(name.upper()) for name in names) or body.secret,
        credentials=bool(
            options.values(("-u", "--user", "-b", "--cookie", "--oauth2-bearer", "-E", "--cert", "--aws-sigv4"))
        )
        or bool(options.given("-n") or "--netrc" in options.flags),
        url_known=not hidden,
        secret_in_url=any(secret.fullmatch(name.upper()) for name in url.names),
        carries_output=_carries_output(url, options),
        redirected=_redirected(options) if method != "?" else "its method is not known before it runs",
    )


_CARRYING = ("-H", "--header", "-A", "--user-agent", "-e", "--referer", "-b", "--cookie", "-u", "--user")
_ELSEWHERE = (
    "-x", "--proxy", "--preproxy", "--socks4", "--socks4a", "--socks5", "--socks5-hostname", "--resolve",
    "--connect-to", "--unix-socket", "--abstract-unix-socket", "--doh-url", "--dns-servers", "--engine", "-Q",
    "--quote", "--telnet-option", "--proxy-header", "--variable", "--expand-url", "--interface", "--alt-svc",
)  # fmt: skip


def _carries_output(url: Word, options: Options) -> bool:
    """Tell whether the address or a header is made of what a command prints, or a header of a file."""
    words = [url, *options.values(_CARRYING)]
    printed = any(not word.known and re.search(r"\$\(|`", word.text) for word in words)
    return printed or any(word.text.startswith("@") for word in options.values(("-H", "--header")))


def _redirected(options: Options) -> str:
    for name in _ELSEWHERE:
        if words := options.values((name,)):
            return f"{name} {words[0].text[:80]}"
    wrote = next(
        (word.text for word in options.values(("-w", "--write-out")) if re.match(r"@|.*%output", word.text)), ""
    )
    return f"--write-out {wrote[:80]}" if wrote else ""


def _host_known(url: Word) -> bool:
    return bool(re.match(r"(?:https?://)?[^/$`{]+(?:/|\?|$)", url.head))


def _method(options: Options, body: _Body) -> str:
    named = options.values(("-X", "--request"))
    if named:
        return named[-1].text.upper() if named[-1].known and named[-1].text.isalpha() else "?"
    if options.given("-I") == "-I" or "--head" in options.flags:
        return "HEAD"
    if options.given("-T") == "-T" or options.values(("--upload-file",)):
        return "PUT"
    if options.given("-G") == "-G" or "--get" in options.flags:
        return "GET"
    return "POST" if body.parts or body.words or body.files or body.standard_input or not body.known else "GET"


def _headers(options: Options) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in options.values(("-H", "--header", "--proxy-header")):
        name, _, value = word.text.partition(":")
        found[name.strip().lower()] = value.strip()
    if options.values(("--json",)):
        found.setdefault("content-type", "application/json")
    return found


def _curl_body(options: Options, command: Command) -> _Body:
    body = _Body()
    for name in _DATA:
        for word in options.values((name,)) if name in options.flags or options.given(name) == name else ():
            _data(name, word, body)
    for word in options.values(_FORM):
        _form(word, body)
    for word in options.values(("-T", "--upload-file")):
        if word.text == "-":
            body.standard_input = True
        else:
            body.files.append(word)
        body.known = False
    feed = command.feed
    if body.standard_input and feed is not None and feed.text is not None:
        body.parts.append(feed.text.strip())
        body.words.append(Word(feed.text, span=command.span, source=feed.source))
    elif body.standard_input:
        body.known = False
    return body


def _data(name: str, word: Word, body: _Body) -> None:
    text = word.text
    if name != "--data-raw" and text.startswith("@"):
        if text in ("@-", "@/dev/stdin"):
            body.standard_input = True
            return
        body.files.append(Word(text[1:], known=word.known, head=text[1:] if word.known else "", span=word.span))
        body.known = False
        return
    if name == "--data-urlencode" and (match := re.fullmatch(r"\w*@(.+)", text)):
        body.files.append(Word(match.group(1), known=word.known, span=word.span))
        body.known = False
        return
    body.parts.append(text)
    body.words.append(word)
    body.known = body.known and word.known


def _form(word: Word, body: _Body) -> None:
    match = re.match(r"[^=]*=[@<](?P<path>[^;,]+)", word.text)
    if match and match.group("path") != "-":
        body.files.append(Word(match.group("path"), known=word.known, head=match.group("path"), span=word.span))
        body.known = False
    else:
        body.parts.append(word.text)
        body.words.append(word)
        body.known = body.known and word.known


def _secret_files(files: list[Word], command: Command, analysis: Analysis) -> bool:
    spots = [spot_of(word, command.scope) for word in files]
    return any(is_secret(path, analysis.context) for spot in spots for path in spot.paths)


def _files(options: Options, body: _Body, command: Command, analysis: Analysis) -> None:
    """Add actions for the files that a download replaces; what is sent counts with the request."""
    written = [
        Touched(Verb.OVERWRITE, word)
        for word in options.values(
            (
                "-o",
                "--output",
                "-c",
                "--cookie-jar",
                "--dump-header",
                "-D",
                "--trace",
                "--trace-ascii",
                "--etag-save",
                "--stderr",
                "--hsts",
                "--libcurl",
            )
        )
        if word.text != "-"
    ]
    if any(flag in options.flags for flag in ("-O", "--remote-name", "--remote-name-all", "-J")):
        folder = options.values(("--output-dir",))
        written.append(Touched(Verb.PLACE, folder[0] if folder else Word(".", span=command.words[0].span)))
    for group in touch_drafts(
        [*written, *(Touched(Verb.READ, word) for word in body.files)], command.scope, analysis.context
    ):
        if not group.is_void:
            summary = "writes what it downloads to {path}" if written else "reads {path} to send it"
            add(group, command, analysis, "shell:curl", summary)


def wget(command: Command, program: Program, analysis: Analysis) -> bool:
    """`wget`: like curl, but it writes files by default."""
    options, _ = read_options(command.words[1:], program.takes)
    if shows_only(command.words[1:], ("-V", "-h")):
        return False
    for word in options.values(("--config", "-i", "--input-file", "-e", "--execute", "--use-askpass")):
        finish(
            analysis.opaque(word.span, f"wget reads options or addresses from {shown(word.text)}"),
            command,
            analysis,
        )
    body = _Body()
    for word in options.values(("--post-data", "--body-data")):
        _data("--data-raw", word, body)
    for word in options.values(("--post-file", "--body-file")):
        body.files.append(word)
        body.known = False
    named = options.values(("--method",))
    method = named[-1].text.upper() if named else "POST" if body.parts or body.files else "GET"
    for url in _few(options.positional, command, analysis):
        request = Request(
            method,
            url.text,
            _headers(options),
            "".join(body.parts),
            body_known=body.known,
            from_file=bool(body.files),
            url_known=url.known or _host_known(url),
        )
        _send(request, url, command, analysis)
    target = options.values(("-O", "--output-document", "-o", "--output-file", "-a"))
    quiet = "--spider" in options.flags
    written = [Touched(Verb.OVERWRITE, word) for word in target if word.text != "-"]
    if not target and not quiet:
        folder = options.values(("-P", "--directory-prefix"))
        written.append(Touched(Verb.PLACE, folder[0] if folder else Word(".", span=command.words[0].span)))
    for group in touch_drafts(
        [*written, *(Touched(Verb.READ, word) for word in body.files)], command.scope, analysis.context
    ):
        if not group.is_void:
            add(group, command, analysis, "shell:wget", "writes what it downloads to {path}")
    return True
