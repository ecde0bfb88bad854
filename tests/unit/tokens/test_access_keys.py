"""Throw-away access keys: derived, never stored, each token's own."""

import pytest

from firewall.core.secret import Secret
from firewall.tokens.access_keys import AccessKeys

TOKEN = "tok_0SfvSp2wXKx1bW8n5kXk1Y"


def test_a_key_is_its_tokens_and_its_installations() -> None:
    """The same token has the same key; another token or another installation has another."""
    keys = AccessKeys(Secret("a" * 64))
    key = keys.of_token(TOKEN)
    assert key == keys.of_token(TOKEN)
    assert (key.id, len(key.secret)) == (TOKEN, 43)
    others = {keys.of_token(TOKEN[:-1] + "Z").secret, AccessKeys(Secret("b" * 64)).of_token(TOKEN).secret}
    assert key.secret not in others
    assert key.secret not in repr(key)


@pytest.mark.parametrize("name", ["", "tok_short", "apr_0SfvSp2wXKx1bW8n5kXk1Y", "AKIA0000"])
def test_only_tokens_have_keys(name: str) -> None:
    """Nothing else is signed for."""
    with pytest.raises(ValueError, match="token"):
        AccessKeys(Secret("a" * 64)).of_token(name)
