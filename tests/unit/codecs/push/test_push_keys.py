"""Keys of subscriptions: what a browser names is a key, or it is refused."""

import pytest

from firewall.codecs.push.keys import keys_of
from firewall.core.errors import ProtocolError
from tests.support.push_browser import PushBrowser, b64


def test_a_browsers_keys_are_read() -> None:
    """A point of the curve and a secret of sixteen bytes, with or without padding."""
    browser = PushBrowser()
    keys = keys_of(browser.p256dh, b64(browser.auth))
    assert keys.auth == browser.auth
    assert b64(keys.receiver) == browser.p256dh
    assert keys_of(f"{browser.p256dh}=", f"{b64(browser.auth)}==") == keys


@pytest.mark.parametrize("wrong", ["", "AAAA", "!", "ä" * 87, "A" * 87, "B" + "A" * 86, "A" * 5000])
def test_other_keys_are_refused(wrong: str) -> None:
    """Neither half may be anything else."""
    browser = PushBrowser()
    for receiver, auth in ((wrong, b64(browser.auth)), (browser.p256dh, wrong)):
        with pytest.raises(ProtocolError) as caught:
            keys_of(receiver, auth)
        assert caught.value.code == "push_keys_invalid"
