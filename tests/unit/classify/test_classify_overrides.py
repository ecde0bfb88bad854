"""A request that asks its server to take another method is never read as its own method alone."""

import gzip
import json
from dataclasses import replace
from itertools import product

import pytest

from firewall.classify import overrides
from firewall.classify.overrides import MAX_ASKED, meant
from firewall.classify.text import actions_of_input
from firewall.classify.tool import actions_of
from firewall.core.call import CallForm, ToolCall
from firewall.core.effect import Effect, severity
from firewall.core.outgoing import Outgoing
from firewall.core.target import TargetKind, TargetSpec
from tests.support.understanding import shipped_context

HOSTS = (
    "https://api.github.com/repos/a/b/issues",
    "https://api.stripe.com/v1/customers/cus_1",
    "https://shop.example.com/products/1",
)
JSON = {"content-type": "application/json"}
XML = {"content-type": "application/xml"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = {"content-type": "multipart/form-data; boundary=x"}
PART = (
    '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    "--x\r\nContent-Disposition: form-data; {}\r\n\r\n{}\r\n--x--\r\n"
)
FORMS: dict[str, tuple[str, dict[str, str], str]] = {
    "Rails form": ("", FORM, "authenticity_token=x&_method={}"),
    "Rails form, first": ("", FORM, "_method={}&a=b"),
    "form, escaped name": ("", FORM, "a=b&%5fmethod={}"),
    "form, escaped letter": ("", FORM, "a=b&_m%65thod={}"),
    "form, other case": ("", FORM, "a=b&_Method={}"),
    "form, spaces": ("", FORM, "a=b&+_method={}"),
    "form, semicolon": ("", FORM, "a=b;_method={}"),
    "form, array": ("", FORM, "a=b&_method[]={}"),
    "form, far behind": ("", FORM, f"a={'b' * 40_000}&_method={{}}"),
    "form, the last of two": ("", FORM, "_method=PATCH&_method={}"),
    "form without its type": ("", {}, "a=b&_method={}"),
    "form, named as the header": ("", FORM, "X-HTTP-Method-Override={}"),
    "Laravel JSON": ("", JSON, '{{"name": "a", "_method": "{}"}}'),
    "JSON, nested": ("", JSON, '{{"data": {{"_method" : "{}"}}}}'),
    "JSON, escaped name": ("", JSON, '{{"\\u005fmethod": "{}"}}'),
    "JSON, escaped letters": ("", JSON, '{{"_\\u006D\\u0065thod": "{}"}}'),
    "JSON, a mark before it": ("", JSON, '\ufeff{{"_method": "{}"}}'),
    "XML": ("", XML, '<?xml version="1.0"?><_method>{}</_method>'),
    "XML, within": ("", XML, "<issue><title>a</title><_method>{}</_method></issue>"),
    "XML, an attribute": ("", XML, '<_Method type="string" >\n  {}\n</_Method>'),
    "XML, a prefix": ("", XML, '<a:_method xmlns:a="b">{}</a:_method>'),
    "XML without its type": ("", {}, "<_method>{}</_method>"),
    "JSON without its type": ("", {}, '{{"_method":"{}"}}'),
    "multipart": ("", PARTS, PART.replace("{}", 'name="_method"', 1)),
    "multipart, bare name": ("", PARTS, PART.replace("{}", "name=_method", 1)),
    "multipart, single quotes": ("", PARTS, PART.replace("{}", "name='_method'", 1)),
    "multipart, extended name": ("", PARTS, PART.replace("{}", "name*=utf-8''_method", 1)),
    "multipart, line feeds": ("", PARTS, PART.replace("\r\n", "\n").replace("{}", 'name="_method"', 1)),
    "multipart, a type": (
        "",
        PARTS,
        PART.replace("{}\r\n", 'name="_method"\r\nContent-Type: text/plain\r\n', 1),
    ),
    "PHP, dot": ("", FORM, "a=b&.method={}"),
    "PHP, escaped dot": ("", FORM, "a=b&%2Emethod={}"),
    "PHP, what follows NUL": ("", FORM, "a=b&_method%00x={}"),
    "PHP, many blanks": ("", FORM, f"a=b&{'%20' * 50}_method={{}}"),
    "PHP, dots of the header": ("", FORM, "x.http.method.override={}"),
    "multipart, a blank": ("", PARTS, PART.replace("{}", 'name=" _method"', 1)),
    "multipart, a dot": ("", PARTS, PART.replace("{}", 'name=".method"', 1)),
    "multipart, escaped letter": ("", PARTS, PART.replace("{}", 'name="_me\\thod"', 1)),
    "multipart, folded": ("", PARTS, PART.replace("{}", 'name=\r\n "_method"', 1)),
    "multipart, percent": ("", PARTS, PART.replace("{}", "name*=utf-8''%5fmeth%6Fd", 1)),
    "query, dot": ("?.method={}", {}, ""),
    "query, Salesforce": ("?_HttpMethod={}", {}, ""),
    "query": ("?_method={}", {}, ""),
    "query, escaped name": ("?%5Fmethod={}", {}, ""),
    "query, semicolon": ("?a=1;_method={}", {}, ""),
    "query, array": ("?_method%5B%5D={}", {}, ""),
    "Symfony header": ("", {"x-http-method-override": "{}"}, "{{}}"),
    "header of Microsoft": ("", {"x-http-method": "{}"}, "{{}}"),
    "header of IBM": ("", {"x-method-override": "{}"}, "{{}}"),
    "header with underscores": ("", {"x_http_method_override": "{}"}, "{{}}"),
    "header with spaces": ("", {"x-http-method-override": " {} "}, "{{}}"),
    "header with a list": ("", {"x-http-method-override": "PATCH, {}"}, "{{}}"),
    "a second header": ("", {"x-http-method-override": "PATCH", "x-http-method": "{}"}, "{{}}"),
}


def effects(method: str, url: str, headers: dict[str, str], body: str) -> set[Effect]:
    """Return what a request does."""
    request = {"method": method, "url": url, "headers": headers, "body": body}
    actions = actions_of_input("http", json.dumps(request), shipped_context())
    return {effect for action in actions for effect in action.effects}


def said(form: str, verb: str) -> tuple[str, dict[str, str], str]:
    """Return the query, the headers and the body of a form that asks for a method."""
    query, headers, body = FORMS[form]
    return query.format(verb), {name: value.format(verb) for name, value in headers.items()}, body.format(verb)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("url", HOSTS)
def test_a_method_in_another_place_is_read(form: str, url: str) -> None:
    """DELETE destroys wherever it is asked for; what is no method is asked about, also at a host that is known."""
    for method, verb in product(("POST", "GET"), ("DELETE", "delete")):
        query, headers, body = said(form, verb)
        assert Effect.DESTRUCTIVE in effects(method, url + query, headers, body), (method, verb)
    query, headers, body = said(form, "destroy")
    assert Effect.UNKNOWN in effects("POST", url + query, headers, body)


@pytest.mark.parametrize("form", FORMS)
def test_no_other_method_makes_it_milder(form: str) -> None:
    """The stricter reading counts: an override lowers nothing."""
    destroys = "https://api.github.com/repos/a/b"
    for method, verb in product(("DELETE", "PUT", "POST"), ("GET", "HEAD", "PATCH", "PUT", "POST")):
        query, headers, body = said(form, verb)
        plain = max(map(severity, effects(method, destroys, {}, "")))
        assert max(map(severity, effects(method, destroys + query, headers, body))) >= plain, (method, verb)


@pytest.mark.parametrize(
    "body",
    [
        '{"method": "DELETE"}',
        '{"request_method": "DELETE"}',
        "payment_method=delete",
        "a=_method",
        "<payment_method>delete</payment_method>",
        "<method>delete</method>",
        "<a>_method</a>",
        "100%",
        "%",
        "",
    ],
)
def test_words_that_ask_for_nothing(body: str) -> None:
    """Another name than `_method` is no override, nor is a value."""
    assert meant("POST", query="", headers={}, body=body) == ("POST", True)


def test_where_nothing_can_be_read_of_it_nobody_knows() -> None:
    """A part without a value, or a value that is no word, is no plain request."""
    assert meant("POST", query="", headers={}, body='name="_method"') == ("POST", False)
    assert meant("POST", query="", headers={}, body="<_method><![CDATA[delete]]></_method>") == ("POST", False)
    assert meant("POST", query="", headers={}, body="<_method>&#100;elete</_method>") == ("POST", False)
    assert meant("POST", query="", headers=JSON, body='{"_method": ["DELETE"]}') == ("POST", False)
    assert meant("POST", query="_method=POST", headers={}, body="") == ("POST", True)
    assert meant("DELETE", query="_method=PUT", headers={}, body="") == ("DELETE", True)


IN_BODY = [form for form, (query, _, body) in FORMS.items() if not query and "{}" in body and body != "{{}}"]
RISKY = {Effect.DESTRUCTIVE, Effect.UNKNOWN}
BINARY = bytes(range(256)) * 8


def carried(body: bytes, kind: str, *, is_target: bool, **headers: str) -> set[Effect]:
    """Return what a POST of these bytes does, at a target or at a host that is none."""
    fields = (*((("content-type", kind),) if kind else ()), *((key, value) for key, value in headers.items()))
    path, spec = "/api/v4/projects/1/issues/2", TargetSpec("t", "staging", TargetKind.REST, "gitlab.com")
    host, scope = ("", "") if is_target else ("gitlab.com", "https")
    sent = Outgoing("POST", path, "", fields, body, host=host, scope=scope)
    name = "infra/t" if is_target else "egress/gitlab.com"
    call = ToolCall("r", name, sent.encode(), form=CallForm.REQUEST)
    context = replace(shipped_context(), targets={"t": spec})
    return {effect for action in actions_of(call, context) for effect in action.effects}


@pytest.mark.parametrize("is_target", [True, False])
@pytest.mark.parametrize("form", IN_BODY)
def test_a_body_that_is_no_plain_text_hides_no_method(form: str, *, is_target: bool) -> None:
    """One odd byte, gzip, or letters of two bytes: it is read all the same, or nobody knows what it does."""
    _, headers, body = said(form, "DELETE")
    kind = headers.get("content-type", "")
    odd = [body.encode() + b"&a=\xff"]
    if kind == PARTS["content-type"]:
        odd += [body.encode().replace(b"--x--", b"--x\r\ncontent-disposition: form-data; name=f\r\n\r\n\x89--x--")]
    for sent in odd:
        assert Effect.DESTRUCTIVE in carried(sent, kind, is_target=is_target), sent[:80]
    packed = {"content-encoding": "gzip"}
    assert RISKY & carried(gzip.compress(body.encode()), kind, is_target=is_target, **packed)
    for charset in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert RISKY & carried(body.encode(charset), kind, is_target=is_target), charset
    for charset in ("utf-7", "cp037", "utf-16-le"):
        said_so = f"{kind or 'application/json'}; charset={charset}"
        assert RISKY & carried(body.lstrip("\ufeff").encode(charset), said_so, is_target=is_target), charset


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (BINARY, "application/octet-stream"),
        (b"\x89PNG" + BINARY, "image/png"),
        (gzip.compress(b"a", mtime=0), "application/gzip"),
        (b"PK\x03\x04" + BINARY, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (
            b'--x\r\ncontent-disposition: form-data; name="f"\r\n\r\n' + BINARY + b"\r\n--x--",
            PARTS["content-type"],
        ),
        ("title=Stra\u00dfe".encode("latin-1"), FORM["content-type"]),
        (b'{"title": "a"}', "application/json; charset=UTF-8"),
    ],
)
def test_ordinary_uploads_stay_what_they_were(body: bytes, kind: str) -> None:
    """Bytes out of which no framework reads fields ask for nothing, nor does a picture in a form."""
    assert not RISKY & carried(body, kind, is_target=True)


def test_what_is_found_is_bounded() -> None:
    """A body full of pairs is searched for those of a method alone; too many of these are not told."""
    assert meant("POST", query="", headers={}, body="%6d" + "a=&" * 100_000 + "_method=PUT") == ("PUT", True)
    assert meant("POST", query="", headers={}, body="_method=PUT&" * (MAX_ASKED + 1)) == ("PUT", False)


def test_only_pairs_of_a_method_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other pairs are not unquoted, however many stand in a body with escapes."""
    decoded: list[str] = []

    def unquote(text: str) -> str:
        decoded.append(text)
        return text

    monkeypatch.setattr(overrides, "unquote", unquote)
    meant("POST", query="", headers={}, body="%6d" + "a%20=&" * 10_000 + "&_m%65thod=put&" + "a=%20&" * 10_000)
    assert decoded == ["put"]


def test_a_part_that_is_not_read_to_its_end_is_not_told() -> None:
    """A readable part beside one whose headers are too long hides nothing."""
    long = PART.replace("{}", f'name="_method"; a="{"b" * 300}"', 1).format("DELETE")
    first = PART.replace("{}", 'name="_method"', 1).format("PUT")
    assert meant("POST", query="", headers=PARTS, body=first + long) == ("PUT", False)


def test_facebook_reads_a_bare_name() -> None:
    """`method` asks at the Graph API, and nowhere else."""
    for url, found in (
        ("https://graph.facebook.com/v20.0/1", True),
        ("https://api.github.com/repos/a/b/issues", False),
    ):
        assert (Effect.DESTRUCTIVE in effects("POST", f"{url}?method=delete", {}, "")) is found
        assert (Effect.DESTRUCTIVE in effects("POST", url, FORM, "method=delete")) is found


PROJECT = "https://gitlab.com/api/v4/projects/1"
PROGRAMS = (
    ("shell", f"http POST {PROJECT} _method=={{}}"),
    ("shell", f"http POST {PROJECT} a=1 _method={{}}"),
    ("shell", f"http --form POST {PROJECT} _method={{}}"),
    ("python", f'import requests\nrequests.post("{PROJECT}", params={{{{"_method": "{{}}"}}}})'),
    ("python", f'import requests\nrequests.post("{PROJECT}", data=[("a", b), ("_method", "{{}}")])'),
    ("python", f'import requests\nrequests.post("{PROJECT}", data=dict(_method="{{}}", a=b))'),
    ("python", f'import requests\nd = {{{{"_method": "{{}}"}}}}\nrequests.post("{PROJECT}", data=d)'),
    ("python", f'import requests\nrequests.post("{PROJECT}", files={{{{"_method": (None, "{{}}")}}}})'),
    (
        "javascript",
        f'fetch("{PROJECT}", {{{{method: "POST", body: new URLSearchParams({{{{_method: "{{}}"}}}})}}}})',
    ),
    ("javascript", f'axios.post("{PROJECT}", {{{{_method: "{{}}"}}}})'),
    ("javascript", f'axios.post("{PROJECT}", {{{{a: b}}}}, {{{{params: {{{{_method: "{{}}"}}}}}}}})'),
    ("javascript", f'axios.post("{PROJECT}", {{{{a: x, _method: "{{}}"}}}})'),
)


@pytest.mark.parametrize(("form", "text"), PROGRAMS)
def test_a_program_that_asks_for_another_method_is_read(form: str, text: str) -> None:
    """In query items, parameters, lists of pairs and objects, as far as they stand in the program."""
    for verb, found in (("DELETE", True), ("POST", False)):
        actions = actions_of_input(form, text.format(verb), shipped_context())
        assert any(Effect.DESTRUCTIVE in action.effects for action in actions) is found, verb


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("shell", f"http POST {PROJECT} title==a token=YWJj== X-A:b"),
        ("python", f'import requests\nrequests.post("{PROJECT}", data=payload)'),
        ("python", f'import requests\nrequests.post("{PROJECT}", params={{"a": b}}, json={{"method": c}})'),
        ("javascript", f'axios.post("{PROJECT}", payload)'),
        ("javascript", f'const a = {{b: c}}, c = new URLSearchParams(a);\naxios.post("{PROJECT}", a)'),
        ("javascript", f'fetch("{PROJECT}", {{method: "POST", body: JSON.stringify({{title: x}})}})'),
    ],
)
def test_a_program_that_asks_for_none_stays_what_it_was(form: str, text: str) -> None:
    """A body that is not known before it runs is no override."""
    for action in actions_of_input(form, text, shipped_context()):
        assert RISKY.isdisjoint(action.effects)


_FILL = "a" * overrides.MAX_SEARCHED
LONG = {
    "a form": f"a={_FILL}&_method=DELETE",
    "before it": f"_method=DELETE&a={_FILL}",
    "escaped": f"a={_FILL}&%5Fm%65T%48od=DELETE",
    "JSON": f'{{"a": "{_FILL}", "_method": "DELETE"}}',
    "JSON, far from its value": '{"_method"' + " " * overrides.MAX_SEARCHED + ': "DELETE"}',
    "JSON, escaped": f'{{"a": "{_FILL}", "\\u005f\\u006D\\u0065thod": "DELETE"}}',
    "percent signs escaped": f'{{"a": "{_FILL}"}}&_\\u0025\\u0036dethod=DELETE',
    "digits escaped": f'{{"a": "{_FILL}"}}&_meth%\\u0036\\u0046d=DELETE',
    "quoted in a part": f'--x\r\nContent-Disposition: form-data; name="_m\\et\\hod"\r\n\r\nDELETE\r\n--x--{_FILL}',
}


@pytest.mark.parametrize("body", LONG.values(), ids=LONG)
def test_a_long_body_that_says_method_cannot_be_told(body: str) -> None:
    """Patterns took a second and a half for megabytes, with the server waiting: nobody knows what it asks for."""
    assert meant("POST", query="", headers=FORM, body=body) == ("POST", False)
    assert meant("POST", query="_method=DELETE", headers=FORM, body=body) == ("DELETE", False)


@pytest.mark.parametrize("escaped", [r"_\u0025\u0036dethod", r"_meth%\u0036\u0046d"])
def test_a_short_body_with_escapes_in_escapes_is_read(escaped: str) -> None:
    """What the long ones above cannot be told of."""
    assert meant("POST", query="", headers=FORM, body=f'{{"a": ""}}&{escaped}=DELETE') == ("DELETE", True)


def test_a_long_body_that_does_not_is_its_own_method() -> None:
    """Neither escapes nor length make a body strange."""
    body = f'{{"a": "{_FILL} 100% meth\\u00e9ode \\n"}}'
    assert meant("POST", query="", headers=JSON, body=body) == ("POST", True)


def test_no_pattern_runs_over_a_long_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is linear is not yet quick."""

    def searched(*_: object, **__: object) -> None:
        raise AssertionError("a long body was searched")

    monkeypatch.setattr(overrides, "_in_body", searched)
    assert meant("POST", query="", headers=FORM, body=LONG["a form"]) == ("POST", False)
    with pytest.raises(AssertionError, match="was searched"):
        meant("POST", query="", headers=FORM, body="a=b")
