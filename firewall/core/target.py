"""An infrastructure API that agents reach through us: what judging needs to know of it."""

from dataclasses import dataclass
from enum import StrEnum


class TargetKind(StrEnum):
    """How a target's requests are read."""

    REST = "rest"
    GRAPHQL = "graphql"
    KUBERNETES = "kubernetes"
    AWS = "aws"


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target as configured."""

    name: str
    environment: str
    """Where it leads."""
    kind: TargetKind
    host: str
    """The name by which the catalogue knows the API (`backboard.railway.app`): its own unless said otherwise."""
    scoped: bool = False
    """Its credential reaches nothing but `environment`: the operator says so, and the provider enforces it.

    Otherwise only what is read is known to lie there; what an id names is `unresolved` until a row of
    environments.toml or a resolver says where it lies.
    """
    account: str = ""
    """The AWS account that it reaches: known to environments.toml as project `aws/ACCOUNT`."""
    looks_up: bool = True
    """What ids name can be looked up: a resolver is configured."""
