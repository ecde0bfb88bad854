"""Values that the sections of `stayhand.toml` are made of: durations, addresses, references to secrets."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: object) -> int:
    """Read a duration such as `30m` or `8h` as seconds; a bare integer is seconds.

    Raises: ValueError for anything else.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    found = _DURATION.fullmatch(str(text))
    if found is None:
        raise ValueError(f"`{text}` is no duration, write for example `30m` or `8h`")
    return int(found[1]) * _UNIT_S[found[2]]


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"`{text}` is no address, write for example `127.0.0.1:8787`")
    return text


Duration = Annotated[int, BeforeValidator(seconds), Field(ge=1, le=31_536_000)]
OptionalDuration = Annotated[int, BeforeValidator(seconds), Field(ge=0, le=86_400)]
Address = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(lambda text: _address(text) if text else "")]


class Section(BaseModel):
    """A part of the configuration: frozen, and what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class SecretRef(Section):
    """Where a secret is found; exactly one of the four."""

    env: str = ""
    """Name of an environment variable."""
    file: str = ""
    """Path of a file; its last newline is dropped."""
    command: tuple[str, ...] = ()
    """A program and its arguments; what it prints is the secret."""
    vault: str = ""
    """Name of a credential in the vault (`stayhand credential add`)."""

    @model_validator(mode="after")
    def _one(self) -> "SecretRef":
        if sum(map(bool, (self.env, self.file, self.command, self.vault))) != 1:
            raise ValueError("name exactly one of env, file, command, vault")
        return self
