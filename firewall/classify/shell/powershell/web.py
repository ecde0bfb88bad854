"""Requests that PowerShell sends with its own cmdlets: `Invoke-WebRequest`, `Invoke-RestMethod`."""

from firewall.classify.http import Request, judge_http
from firewall.classify.rows import Verb
from firewall.classify.shell.analysis import Analysis, Command
from firewall.classify.shell.apply import add, finish
from firewall.classify.shell.touches import Touched, touch_drafts
from firewall.classify.shell.words import Word

_TAKES = (
    "-authentication", "-body", "-certificate", "-certificatethumbprint", "-connectiontimeoutseconds",
    "-contenttype", "-credential", "-custommethod", "-cm", "-followrellink", "-form", "-headers",
    "-httpversion", "-infile", "-maximumfollowrellink", "-maximumredirection", "-maximumretrycount",
    "-method", "-operationtimeoutseconds", "-outfile", "-proxy", "-proxycredential",
    "-responseheadersvariable", "-rhv", "-retryintervalsec", "-sessionvariable", "-sv", "-sslprotocol",
    "-statuscodevariable", "-timeoutsec", "-token", "-transferencoding", "-unixsocket", "-uri", "-useragent",
    "-websession",
)  # fmt: skip
_SWITCHES = (
    "-allowinsecureredirect", "-allowunencryptedauthentication", "-disablekeepalive", "-noproxy", "-passthru",
    "-preserveauthorizationonredirect", "-preservehttpmethodonredirect", "-proxyusedefaultcredentials", "-resume",
    "-skipcertificatecheck", "-skipheadervalidation", "-skiphttperrorcheck", "-usebasicparsing",
    "-usedefaultcredentials", "-verbose", "-debug",
)  # fmt: skip
_METHODS = ("DEFAULT", "DELETE", "GET", "HEAD", "MERGE", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")


def _spelled(text: str) -> str:
    """Return a parameter written out, as PowerShell takes abbreviations; of several, what matters most."""
    if text in _TAKES or text in _SWITCHES:
        return text
    fitting = [name for name in (*_TAKES, *_SWITCHES) if name.startswith(text)]
    weighty = [name for name in fitting if name in ("-method", "-custommethod", "-body", "-infile", "-form")]
    return (weighty or fitting or [text])[0]


def _method(word: Word | None) -> str:
    """Return the method: values are abbreviated like parameters."""
    if word is None:
        return "GET"
    text = word.text.upper()
    fitting = [text] if text in _METHODS else [name for name in _METHODS if name.startswith(text)]
    return "?" if not word.known or not text else fitting[0] if len(fitting) == 1 else "?" if fitting else text


def request(command: Command, analysis: Analysis) -> None:
    """`Invoke-WebRequest`, `Invoke-RestMethod`: one request."""
    values: dict[str, Word] = {}
    positional: list[Word] = []
    pending = ""
    for word in command.words[1:]:
        if word.text[:1] == "-" and len(word.text) > 1:
            name = _spelled(word.text)
            values.setdefault(name, Word("", span=word.span))
            pending = "" if name in _SWITCHES else name
        elif pending:
            values[pending], pending = word, ""
        else:
            positional.append(word)
    url = values.get("-uri") or (positional[0] if positional else Word("?", known=False, span=command.span))
    method = values.get("-method") or values.get("-custommethod") or values.get("-cm")
    body = values.get("-body") or values.get("-form")
    request = Request(
        method=_method(method),
        url=url.text,
        body=body.text if body is not None else "",
        body_known=body is None or body.known,
        from_file="-infile" in values or "-form" in values,
        credentials=bool({"-credential", "-token", "-headers", "-websession"} & set(values)),
        url_known=url.known,
    )
    for draft in judge_http(request, analysis.context, command.span):
        analysis.drafts.append(draft)
        finish(draft, command, analysis)
    if "-outfile" in values:
        for group in touch_drafts([Touched(Verb.OVERWRITE, values["-outfile"])], command.scope, analysis.context):
            add(group, command, analysis, "shell:download", "writes what it downloads to {path}")
