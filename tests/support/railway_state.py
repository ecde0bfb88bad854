"""What Railway holds in tests: a project with two environments, volumes shared by id, backups that lie on them."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from graphql import GraphQLError

PROJECT = "1f0e8a4c-52b7-4d19-9c56-0d7ce3a1b001"
STAGING = "2a6d41f0-7c3e-4b8a-8d11-95e0c4b7a002"
PRODUCTION = "2b95c07e-1d84-4f6b-b2a9-6e3f8d20c003"
VOLUME = "3d2c42fb-6f6e-4a0e-8f5e-0d8f4a1c9b77"
"""The volume of the incident: an instance in staging and one in production."""
SPARE = "3e7b19d5-0a42-4c9f-a6d8-c1f24e80d004"
"""A volume of staging alone."""
ACCOUNT_TOKEN = "7c1d9f42-" + "8e0b-4a63-b5f7-2d94e6a80c15"  # in two: no secret, and scanners need not think so
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Backup:
    """A restore point of one instance; it lies on the volume that it should save."""

    id: str
    name: str
    taken_at: datetime
    used_mb: int = 512


@dataclass(slots=True)
class Instance:
    """What a volume holds in one environment."""

    id: str
    environment: str
    size_mb: float
    backups: list[Backup] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    """The schedules by which backups are taken."""


@dataclass(slots=True)
class Volume:
    """A volume by its id, with an instance for each environment that has it."""

    id: str
    name: str
    instances: list[Instance]


@dataclass(frozen=True, slots=True)
class Token:
    """Who may do what. `environment`: a project's token, sent as `Project-Access-Token`; empty: an account's."""

    environment: str = ""
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came: the token, and what was to be run."""

    token: str
    query: str
    variables: Json


@dataclass(slots=True)
class State:
    """The provider: its state, who it knows, and what it was asked."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    tokens: dict[str, Token] = field(default_factory=lambda: {ACCOUNT_TOKEN: Token()})
    volumes: dict[str, Volume] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=lambda: {STAGING: "staging", PRODUCTION: "production"})
    asked: list[Asked] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """Ids of volumes and backups that are gone."""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        """Plant the incident: the last backup of production is three months old, and lies on the volume."""
        old = self.now - timedelta(days=92)
        backups = [Backup(f"bk-prod-{day}", "", old - timedelta(days=day), 18_200) for day in (0, 7, 14)]
        production = Instance("vi-prod-shop", PRODUCTION, 18_432.5, backups)
        staging = Instance("vi-staging-shop", STAGING, 240.0, [Backup("bk-staging-0", "", old, 200)])
        self.volumes[VOLUME] = Volume(VOLUME, "shop-data", [staging, production])
        fresh = Backup("bk-spare-0", "nightly", self.now - timedelta(hours=3), 90)
        self.volumes[SPARE] = Volume(SPARE, "cache", [Instance("vi-staging-cache", STAGING, 96.0, [fresh])])

    def is_whole(self) -> bool:
        """The incident's volume is there, with production's data and its three backups."""
        volume = self.volumes.get(VOLUME)
        held = {one.environment: len(one.backups) for one in volume.instances} if volume else {}
        return held.get(PRODUCTION, 0) >= 3 and STAGING in held

    def mutations(self, naming: str = "") -> list[str]:
        """Return the text of every mutation that has come here, allowed or not, and names something."""
        texts = [one.query for one in self.asked if naming in f"{one.query} {one.variables}"]
        return [text for text in texts if text.lstrip().startswith("mutation")]

    def delete_volume(self, ident: str) -> bool:
        """Remove a volume with every instance and every backup on it."""
        del self.volumes[ident]
        self.deleted.append(ident)
        return True

    def take_backup(self, instance: Instance, name: str) -> Json:
        """Take a backup now; like Railway's it is a workflow, here done at once."""
        number = next(self._numbers)
        instance.backups.insert(0, Backup(f"bk-new-{number}", name, self.now, int(instance.size_mb)))
        return {"workflowId": f"createBackup-{number}"}

    def delete_backup(self, instance: Instance, ident: str) -> Json:
        """Remove one backup."""
        instance.backups = [one for one in instance.backups if one.id != ident]
        self.deleted.append(ident)
        return {"workflowId": f"deleteBackup-{next(self._numbers)}"}

    def instance(self, ident: str, token: Token) -> tuple[Volume, Instance]:
        """Return an instance and its volume. Raises: GraphQLError where the token does not reach it."""
        for volume in self.volumes.values():
            for one in volume.instances:
                if one.id == ident and token.environment in ("", one.environment):
                    return volume, one
        raise not_authorized()

    def volume(self, ident: str, token: Token) -> Volume:
        """Return a volume. Raises: GraphQLError where no instance of it lies within the token's reach."""
        found = self.volumes.get(ident)
        if found and any(token.environment in ("", one.environment) for one in found.instances):
            return found
        raise not_authorized()


def not_authorized() -> GraphQLError:
    """Return what Railway says of everything that a token does not reach, there or not."""
    return GraphQLError("Not Authorized")
