"""A signature is good for one change."""

import pytest

from firewall.core.errors import LimitError
from firewall.gates.infra.aws.replay import Used
from firewall.gates.infra.aws.sigv4 import WINDOW_S, SignatureError

MINUTE = 60_000_000


def test_a_used_signature_is_refused() -> None:
    """Once taken it is refused, by a look as well; another one is not."""
    used = Used()
    used.take("a", 0)
    used.take("b", 0)
    with pytest.raises(SignatureError) as caught:
        used.take("a", MINUTE)
    assert caught.value.code == "signature_used"
    with pytest.raises(SignatureError):
        used.check("b")
    used.check("c")


def test_what_is_kept_is_bounded() -> None:
    """When too many are kept the next change is refused, until the first can no longer be replayed."""
    used = Used(most=2)
    used.take("a", 0)
    used.take("b", MINUTE)
    with pytest.raises(LimitError):
        used.take("c", MINUTE)
    used.take("c", 2 * WINDOW_S * 1_000_000)
    with pytest.raises(SignatureError):
        used.check("b")
