"""Requests that PowerShell sends with its own cmdlets: `Invoke-WebRequest`, `Invoke-RestMethod`."""

from firewall.classify.http import Request, judge_http
from firewall.classify.rows import Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word


def request(command: Command, analysis: Analysis) -> None:
    """`Invoke-WebRequest`, `Invoke-RestMethod`: one request."""
    values: dict[str, Word] = {}
    positional: list[Word] = []
    pending = ""
    for word in command.words[1:]:
        if word.text[:1] == "-" and len(word.text) > 1:
            pending = word.text
            values.setdefault(pending, Word("", span=word.span))
        elif pending:
            values[pending], pending = word, ""
        else:
            positional.append(word)
    url = values.get("-uri") or (positional[0] if positional else Word("?", known=False, span=command.span))
    method, body = values.get("-method"), values.get("-body")
    request = Request(
        method=method.text.upper() if method is not None and method.known else "?" if method else "GET",
        url=url.text,
        body=body.text if body is not None else "",
        body_known=body is None or body.known,
        from_file="-infile" in values,
        credentials=bool({"-credential", "-token", "-headers", "-websession"} & set(values)),
        url_known=url.known,
    )
    for draft in judge_http(request, analysis.context, command.span):
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
    if "-outfile" in values:
        for group in touch_drafts([Touched(Verb.OVERWRITE, values["-outfile"])], command.scope, analysis.context):
            add(group, command, analysis, "shell:download", "writes what it downloads to {path}")
