"""Which heads and fields come in: what is quick for usual requests says what looking at each field says."""

import pytest

from firewall.core.errors import ProtocolError
from firewall.gates.edge import headers
from firewall.gates.edge.headers import admit, check_head

HOST = (b"host", b"localhost:8787")
USUAL = [
    HOST,
    (b"authorization", b"Bearer shd_x"),
    (b"content-type", b"application/json"),
    (b"content-length", b"2"),
]


@pytest.mark.parametrize("may_upgrade", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        USUAL,
        [],
        [(b"host", b"two names")],
        [HOST, (b"transfer-encoding", b"chunked")],
        [HOST, (b"transfer-encoding", b"gzip")],
        [HOST, (b"transfer-encoding", b"chunked"), (b"content-length", b"2")],
        [HOST, (b"expect", b"100-continue")],
        [HOST, (b"expect", b"200-ok")],
        [HOST, (b"upgrade", b"websocket")],
        [HOST, (b"upgrade", b"h2c")],
        [HOST, (b"x-stayhand-tags", b"a=b"), (b"x-other", b"1")],
    ],
)
def test_a_head_in_which_nothing_stands_twice_is_judged_as_field_by_field(
    fields: list[tuple[bytes, bytes]], *, may_upgrade: bool
) -> None:
    """The same answer, or the same refusal; a name that we do not read may stand twice and changes nothing."""
    twice = [*fields, (b"x-free", b"1"), (b"x-free", b"2")]
    said = [_said(one, may_upgrade=may_upgrade) for one in (fields, twice)]
    assert said[0] == said[1]


@pytest.mark.parametrize("name", sorted(headers.SINGLE | headers.READ_OF_OURS | {b"x-stayhand-anything"}))
def test_what_may_stand_once_is_refused_twice(name: bytes) -> None:
    """Two readers could each take another one; wherever the two stand, and when both say the same."""
    for fields in ([(name, b"1"), *USUAL, (name, b"1")], [*USUAL, (name, b"1"), (name, b"2")]):
        with pytest.raises(ProtocolError) as refused:
            check_head(b"POST", b"/v1/x", "1.1", fields)
        assert refused.value.code == "header_duplicate"


def test_usual_fields_come_in_as_they_are() -> None:
    """No list is made anew where nothing is dropped; one unusual field, and each is looked at."""
    assert admit(USUAL, trusted=False) == (USUAL, [])
    assert admit(USUAL, trusted=False)[0] is USUAL
    more = [
        *USUAL,
        (b"x-stayhand-person", b"root"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x_odd", b"1"),
        (b"te", b""),
    ]
    assert admit(more, trusted=False) == ([*USUAL, (b"te", b"")], [b"x_odd"])
    assert admit(more, trusted=True) == ([*USUAL, (b"x-forwarded-for", b"10.0.0.1"), (b"te", b"")], [b"x_odd"])


def _said(fields: list[tuple[bytes, bytes]], *, may_upgrade: bool) -> object:
    try:
        return check_head(b"POST", b"/v1/x", "1.1", fields, may_upgrade=may_upgrade)
    except ProtocolError as error:
        return (error.code, error.status)
