"""What can be wrong with the vault: stable codes, words that name the place and never a value."""

from enum import StrEnum

from firewall.core.errors import ConfigError


class Wrong(StrEnum):
    """Why a credential cannot be had or changed; never reworded."""

    KEY_MISSING = "vault_key_missing"
    KEY_WRONG = "vault_key_wrong"
    OPEN_TO_OTHERS = "vault_open_to_others"
    UNREADABLE = "vault_unreadable"
    CHANGED = "vault_changed"
    """A row was added, removed or set back by somebody else than us."""
    MISSING = "credential_missing"
    DAMAGED = "credential_damaged"
    PURPOSE = "credential_purpose"
    EXISTS = "credential_exists"
    NAME = "credential_name"
    VALUE = "credential_value"


_STATUS = {Wrong.EXISTS: 409, Wrong.NAME: 422, Wrong.VALUE: 422}


class VaultError(ConfigError):
    """A credential that cannot be had: whoever needed it does without, and nothing is sent."""

    def __init__(self, wrong: Wrong, public: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(public, hint=hint)
        self.wrong = wrong
        self.code = wrong.value
        self.status = status or _STATUS.get(wrong, 503)
