"""Providers' JSON, read strictly."""

import pytest

from firewall.codecs import upstream_json
from firewall.core.errors import ProtocolError


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a" :2}',
        b'{"a":1,"a"  :2}',
        b'{"a":1,"a"\t \n:2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":1,"b":2}}',
        b'{"x":[{"b":":\\":","b":2}]}',
        b'{"a":"\\u0022\\u003a","b":1,"b":2}',
        b'{"a":"\\u0022:","b":1,"b":2}',
        b'{"a":"\\"\\u003a","b":1,"b":2}',
        b'{"a":"\\"\\u003A","b":1,"b":2}',
        b'{"a":"\\u003a","b":1,"b":2}',
        b'{"a":1,"a"\n:2}',
        b'{"a":1,"a"\t:2}',
        b'{"a":1,"a"\r:2}',
        b'{"a" :1,"a" :2}',
        b'{"a":"\\u003cb\\u003e \\u003d \\u0027","a":2}',
        b'{"a":NaN}',
        b"[1]",
        b"{",
        b'{"a":"\\ud800"}',
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
def test_what_two_readers_could_understand_differently_is_refused(data: bytes) -> None:
    """A document with a key twice, in whatever disguise, never passes."""
    with pytest.raises(ProtocolError) as caught:
        upstream_json.loads_object(data)
    assert (caught.value.code, caught.value.side) == ("upstream_json_invalid", "upstream")
    assert not upstream_json.is_strict_object(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1}',
        b'{ "a" : "b\\":c" , "d" : "\\u0022:" }',
        b'{"a":"\\u003a\\":","b":[{"a":1},{"a":2}]}',
        b'{"text":": \\n \\":"}        ',
        b'{"text": "\\u003cb\\u003e isn\\u0027t : \\u0026",\r\n\t"b": "\\u003a"}',
    ],
)
def test_what_has_one_meaning_is_read(data: bytes) -> None:
    """Quotes, colons and white space in strings are no reason to refuse."""
    assert upstream_json.is_strict_object(data)
