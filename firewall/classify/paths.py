"""Paths: where they lie, what kind of file they are, and what doing something to them means.

Only text is looked at: links are not resolved here (the guard may know more and may only be stricter).
INVARIANT: a path that is not fully known is never inside the workspace, scratch or regenerable. What can still
be told by its end (`$X/.ssh/id_rsa`) only raises.
"""

import posixpath
import re
from dataclasses import dataclass, field

from firewall.classify.context import Context
from firewall.classify.rows import Verb
from firewall.core.action import LOCAL, UNRESOLVED, Attribute
from firewall.core.effect import Effect

_READING = frozenset({Verb.LIST, Verb.READ})
_REMOVING = frozenset({Verb.REMOVE, Verb.ERASE})
_REPLACING = frozenset({Verb.OVERWRITE, Verb.REMOVE, Verb.ERASE})
_SHOWING = frozenset({Verb.READ, Verb.MOVE, Verb.RUN})
"""What is done with the content: shown, taken elsewhere, or taken into the shell (`source .env`)."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A path as far as it is known."""

    paths: tuple[str, ...]
    """Absolute, normalised candidates (several while the working directory is in doubt); empty: unknown."""
    shown: str
    below: bool = False
    """What is meant lies below these paths (a glob, `find`), not the paths themselves."""
    recursive: bool = False
    """The path with everything below it."""
    everything: bool = False
    """A bare `*`: all that lies directly in the folder."""
    shallow: bool = False
    """What is meant by `below` lies directly in the folder."""
    span: tuple[int, int] = (0, 0)
    guess: tuple[str, ...] = ()
    """Made-up absolute paths that end as this one may: only for telling what kind of file it is."""

    @property
    def likely(self) -> tuple[str, ...]:
        """Return the paths to compare with kinds of files."""
        return (*self.paths, *self.guess)


@dataclass(frozen=True, slots=True)
class Judged:
    """What one verb on one spot means."""

    effects: frozenset[Effect]
    environment: str
    inside: bool
    attributes: dict[str, Attribute] = field(default_factory=dict)


INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""Characters that nobody sees, or that change the order of what is seen: such a path is not what it looks like."""
MAX_PATH_CHARS = 4096
"""No system call takes a longer path (PATH_MAX); what a program makes of one is not known."""
_NO_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z]:[\\/]|\\\\")
"""An address, a drive of another system, a share: no path here, and no name in this folder."""


def locate(text: str, cwds: tuple[str, ...], home: str, *, near: str = "", span: tuple[int, int] = (0, 0)) -> Spot:
    """Resolve a fully known path text against the possible working directories; `near` is where it may be."""
    guess: tuple[str, ...]
    if not text or len(text) > MAX_PATH_CHARS:
        return too_long(text, span) if text else Spot((), text, span=span)
    if _NO_PATH.match(text):
        return Spot((), text, span=span, guess=(normal("/" + text.replace("\\", "/")),))
    if "\0" in text or (text.startswith("~") and not (home and text[1:2] in ("", "/"))):
        return Spot((), text, span=span, guess=(normal(f"/{text}"),))
    if text.startswith("~"):
        return Spot((normal(home + text[1:]),), text, span=span)
    if text.startswith("/"):
        folded = _folded(text)
        guess = (normal(folded),) if folded != text else ()
        return Spot((normal(text),), text, span=span, guess=guess)
    guess = (normal(f"{near}/{text}"),) if near or not cwds else ()
    folded = _folded(text)
    guess = (*guess, normal(f"/{folded}")) if folded != text else guess
    return Spot(tuple(dict.fromkeys(normal(f"{cwd}/{text}") for cwd in cwds)), text, span=span, guess=guess)


_ENDED = re.compile(r"(?<=[^./ ])[. ]+(?=/|$)")


def _folded(text: str) -> str:
    """Write a path as Windows takes it: backslashes part folders, dots and spaces end no name."""
    if "\\" not in text and "./" not in text and " " not in text:
        return text
    return _ENDED.sub("", text.replace("\\", "/"))


def too_long(text: str, span: tuple[int, int]) -> Spot:
    """Return the spot of a path that no system takes as it stands: its end says what kind of file it may be."""
    return Spot((), text[: MAX_PATH_CHARS + 1], span=span, guess=(normal(f"/{text[-MAX_PATH_CHARS // 8 :]}"),))


def normal(path: str) -> str:
    """Normalise an absolute path: `.`, `..`, doubled slashes, a trailing slash."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def is_under(path: str, folder: str) -> bool:
    """Tell whether an absolute path is the folder or lies below it."""
    return bool(folder) and (path == folder or path.startswith(folder.rstrip("/") + "/"))


def inside(spot: Spot, context: Context) -> bool:
    """Tell whether every candidate lies under the workspace and none is claimed by a row."""
    return bool(spot.paths) and all(
        is_under(path, context.workspace) and not context.environments.claims_path(path) for path in spot.paths
    )


def environment_of(spot: Spot, context: Context, verb: Verb = Verb.RUN) -> str:
    """Return `local`, the environment that rows name for it, or `unresolved`."""
    names = {_environment(path, spot, context, verb) for path in spot.paths}
    return names.pop() if len(names) == 1 else UNRESOLVED


def _environment(path: str, spot: Spot, context: Context, verb: Verb) -> str:
    claimed = context.environments.claims_path(path)
    if claimed:
        return claimed
    if is_under(path, context.workspace) or _scratch(path, spot, context, verb):
        return LOCAL
    return UNRESOLVED


def _is_scratch(verb: Verb, spot: Spot, context: Context) -> bool:
    """Tell whether everything that is touched is litter by a row of environments.toml."""
    return bool(spot.paths) and all(_scratch(path, spot, context, verb) for path in spot.paths)


def _scratch(path: str, spot: Spot, context: Context, verb: Verb) -> bool:
    """Tell whether a path is scratch: no part of the workspace nor above it, and with all that goes with it.

    What acts on a whole folder must fit for everything below it, so a child is made up and tried as well; a
    move may take a folder along. Running what lies there is no litter at all.
    """
    workspace = context.workspace
    if verb is Verb.RUN or (workspace and (is_under(path, workspace) or is_under(workspace, path))):
        return False
    if spot.below:
        if not spot.shallow or spot.everything:
            return False
        path = f"{path}/x"
    is_scratch = context.environments.is_scratch
    whole = spot.recursive or verb is Verb.MOVE
    return is_scratch(path) and (not whole or is_scratch(f"{path}/x"))


def judge(verb: Verb, spot: Spot, context: Context) -> Judged:
    """Return what `verb` does to the spot; an unknown path is judged by the verb alone."""
    attributes: dict[str, Attribute] = {}
    is_inside = inside(spot, context)
    environment = environment_of(spot, context, verb)
    sets = context.catalogue.paths
    if spot.paths and all(sets.void.fullmatch(path) for path in spot.paths) and verb is not Verb.RUN:
        return Judged(frozenset({Effect.READ}), LOCAL if context.workspace else UNRESOLVED, inside=True)
    effects = {_plain(verb, spot, context, attributes)}
    if len(spot.shown) > MAX_PATH_CHARS or (verb is not Verb.LIST and INVISIBLE.search(spot.shown)):
        effects.add(Effect.UNKNOWN)
    effects |= _sensitive(verb, spot, context)
    if _is_scratch(verb, spot, context):
        attributes["scratch"] = True
    if any(sets.system.fullmatch(path) or sets.device.fullmatch(path) for path in spot.paths):
        attributes["system"] = True
    if spot.recursive:
        attributes["recursive"] = True
    if verb not in _READING and any(sets.instructions.fullmatch(path) for path in spot.likely):
        attributes["instructions"] = True
    return Judged(frozenset(effects), environment, is_inside, attributes)


_FIXED = {
    Verb.LIST: Effect.READ,
    Verb.READ: Effect.READ,
    Verb.RUN: Effect.EXEC,
    Verb.MODE: Effect.PRIVILEGE,
}


def _plain(verb: Verb, spot: Spot, context: Context, attributes: dict[str, Attribute]) -> Effect:
    """Return what the verb does to an ordinary file at this spot."""
    if verb in _FIXED:
        return _FIXED[verb]
    _note_losses(verb, spot, context, attributes)
    sets = context.catalogue.paths
    if any(sets.device.fullmatch(path) for path in spot.paths):
        return Effect.DESTRUCTIVE
    if verb is Verb.PLACE and any(sets.system.fullmatch(path) for path in spot.paths):
        return Effect.DESTRUCTIVE
    if verb not in _REPLACING:
        return Effect.WRITE
    if verb is Verb.ERASE or attributes.get("whole_workspace") or not _is_cheap(verb, spot, context):
        return Effect.DESTRUCTIVE
    attributes["regenerable"] = _is_regenerable(spot, context)
    attributes["temporary"] = _is_temporary(verb, spot, context)
    return Effect.WRITE


def _note_losses(verb: Verb, spot: Spot, context: Context, attributes: dict[str, Attribute]) -> None:
    """Say when the workspace itself or its history goes."""
    if verb is Verb.OVERWRITE:
        attributes["overwrites"] = True
    if verb not in _REMOVING and verb is not Verb.MOVE:
        return
    workspace = context.workspace
    gone = [path for path in spot.paths if not spot.below]
    folders = [path for path in spot.paths if spot.everything]
    if workspace and any(is_under(workspace, path) for path in (*gone, *folders)):
        attributes["whole_workspace"] = True
    if any(context.catalogue.paths.history.fullmatch(path) for path in spot.paths):
        attributes["history"] = True


def _is_cheap(verb: Verb, spot: Spot, context: Context) -> bool:
    """Scratch, temporary, or regenerable under the workspace: nobody may count on finding it again."""
    return _is_scratch(verb, spot, context) or _is_regenerable(spot, context) or _is_temporary(verb, spot, context)


def _is_temporary(verb: Verb, spot: Spot, context: Context) -> bool:
    """Tell whether what goes is named and lies below a folder for temporary files, away from the workspace.

    The Filesystem Hierarchy Standard 3.0 (3.18) lets no program assume that it is still there at its next start.
    It may be somebody's all the same: the place stays `unresolved`, unless a row makes it scratch.
    """
    workspace = context.workspace
    return (
        verb is Verb.REMOVE
        and bool(spot.paths)
        and not (spot.below or spot.everything)
        and all(context.catalogue.paths.temporary.fullmatch(path) for path in spot.paths)
        and not any(workspace and (is_under(path, workspace) or is_under(workspace, path)) for path in spot.paths)
    )


def _is_regenerable(spot: Spot, context: Context) -> bool:
    """Tell whether everything lies in folders of the workspace that a build makes again.

    What stands above the workspace does not count: a checkout in `/tmp` or `/srv/build` is no litter itself.
    """
    if not spot.paths or not inside(spot, context):
        return False
    above = len(context.workspace.rstrip("/"))
    regenerable = context.catalogue.paths.regenerable
    return all(regenerable.fullmatch(path[above:] or "/") for path in spot.paths)


def _sensitive(verb: Verb, spot: Spot, context: Context) -> set[Effect]:
    found: set[Effect] = set()
    if verb is Verb.LIST:
        return found
    if verb in _SHOWING and any(is_secret(path, context) or _holds_secrets(path, context) for path in spot.likely):
        found.add(Effect.SECRET)
    if verb not in _READING and verb is not Verb.RUN and any(is_privileged(path, context) for path in spot.likely):
        found.add(Effect.PRIVILEGE)
    return found


def _holds_secrets(path: str, context: Context) -> bool:
    """Tell whether a folder is kept for credentials, or holds everything of a person."""
    return bool(context.catalogue.paths.secret_folders.fullmatch(path))


def is_secret(path: str, context: Context) -> bool:
    """Tell whether a file usually holds credentials."""
    sets = context.catalogue.paths
    return bool(sets.secret.fullmatch(path)) and not sets.harmless_secret.fullmatch(path)


def is_privileged(path: str, context: Context) -> bool:
    """Tell whether a file configures agents, hooks, shells, editors, CI, git or access."""
    return bool(context.catalogue.paths.privilege.fullmatch(path))
