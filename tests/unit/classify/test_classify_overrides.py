"""A request that asks its server to take another method is never read as its own method alone."""

import json
from itertools import product

import pytest

from firewall.classify.overrides import meant
from firewall.classify.text import actions_of_input
from firewall.core.effect import Effect, severity
from tests.support.understanding import shipped_context

HOSTS = (
    "https://api.github.com/repos/a/b/issues",
    "https://api.stripe.com/v1/customers/cus_1",
    "https://shop.example.com/products/1",
)
JSON = {"content-type": "application/json"}
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
    assert meant("POST", query="", headers=JSON, body='{"_method": ["DELETE"]}') == ("POST", False)
    assert meant("POST", query="_method=POST", headers={}, body="") == ("POST", True)
    assert meant("DELETE", query="_method=PUT", headers={}, body="") == ("DELETE", True)
