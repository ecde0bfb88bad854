"""What is wrong with a file, in words of ours."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from firewall.core.complaints import complaints


class _Case(BaseModel):
    model_config = ConfigDict(extra="forbid")
    effects: tuple[str, ...] = Field(default=("read",), min_length=1)
    uses: int = Field(default=1, ge=1, lt=10)
    kind: Literal["shell", "sql"] = "shell"

    @field_validator("effects")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "maybe" in value:
            raise ValueError("`maybe` is no effect")
        return value


class _Pack(BaseModel):
    name: str
    case: tuple[_Case, ...] = ()


@pytest.mark.parametrize(
    ("table", "where", "what"),
    [
        ({}, "name", "is missing"),
        ({"name": 3}, "name", "must be text"),
        ({"name": "a", "case": 3}, "case", "must be a list"),
        ({"name": "a", "case": [{"colour": ()}]}, "case.1.colour", "is no key of ours"),
        ({"name": "a", "case": [{}, {"uses": 0}]}, "case.2.uses", "must be at least 1"),
        ({"name": "a", "case": [{"uses": 10}]}, "case.1.uses", "must be less than 10"),
        ({"name": "a", "case": [{"uses": "x"}]}, "case.1.uses", "must be a whole number"),
        ({"name": "a", "case": [{"kind": "web"}]}, "case.1.kind", "must be 'shell' or 'sql'"),
        ({"name": "a", "case": [{"effects": ("maybe",)}]}, "case.1.effects", "`maybe` is no effect"),
    ],
)
def test_place_and_expectation_are_named(table: object, where: str, what: str) -> None:
    """Places are counted as people count; what a validator of ours says stays as it is."""
    with pytest.raises(ValidationError) as wrong:
        _Pack.model_validate(table)
    assert complaints(wrong.value)[0] == (where, what)


def test_what_pydantic_says_alone_fits_behind_a_name() -> None:
    """A complaint that we have no words for starts in lower case."""
    with pytest.raises(ValidationError) as wrong:
        _Case.model_validate({"effects": ()})
    where, what = complaints(wrong.value)[0]
    assert where == "effects"
    assert what[0].islower()
