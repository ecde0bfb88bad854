"""Words that are paths, judged and put together: one draft per environment that they land in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from firewall.classify.code.found import Touch
from firewall.classify.context import Context
from firewall.classify.draft import PRIVILEGE_NOTE, SECRET_NOTE, Draft, shown
from firewall.classify.environments import Environments, PlaceKind
from firewall.classify.likely import ends_of, globbed
from firewall.classify.paths import MAX_PATH_CHARS, Judged, Spot, judge, locate, normal, too_long
from firewall.classify.rows import Verb
from firewall.classify.shell.scope import Scope
from firewall.classify.shell.words import Word
from firewall.core.effect import Effect

_ALL = ("inside_workspace", "scratch", "regenerable")
"""Attributes that hold for an action only when they hold for everything it touches."""


@dataclass(frozen=True, slots=True)
class Touched:
    """One word as a path, with what is done to it."""

    verb: Verb
    word: Word
    recursive: bool = False


@dataclass(slots=True)
class Group:
    """Everything touched in one environment."""

    draft: Draft
    shown: str = ""
    """The paths for a message."""
    is_void: bool = True
    """Nothing but /dev/null and terminals."""
    words: list[str] = field(default_factory=list)

    def effect_names(self) -> set[str]:
        """Return the effects as words."""
        return {effect.value for effect in self.draft.effects}


def word_of(touch: Touch) -> Word:
    """Return a path that code in another language touches as a word; one that is not known is shown as such."""
    if touch.path is None:
        return Word("a path that is not known", known=False, span=touch.span)
    is_glob = any(char in touch.path for char in "*?[")
    return Word(touch.path, glob=is_glob, head=touch.path, span=touch.span)


def spot_of(word: Word, scope: Scope, *, recursive: bool = False) -> Spot:
    """Resolve a word to a spot, as far as it is known."""
    if len(word.text) > MAX_PATH_CHARS:
        return replace(too_long(word.text, word.span), recursive=recursive)
    cwds = () if scope.machine else scope.cwds
    home = "" if scope.machine else scope.variables.get("HOME") or ""
    near = "" if scope.machine else scope.near
    if word.below or not word.known:
        guess = (*ends_of(word.text), *word.ends)
        return Spot(word.below, word.text, bool(word.below), recursive, span=word.span, guess=guess)
    text = word.text.removeprefix("file://") if word.text.startswith("file:///") else word.text
    if not word.glob:
        return replace(locate(text, cwds, home, near=near, span=word.span), recursive=recursive)
    cut = min((text.find(char) for char in "*?[" if char in text), default=0)
    folder, _, last = text[:cut].rpartition("/")
    tail = text[len(folder) :].strip("/")
    if ".." in tail.split("/"):
        return Spot((), text, recursive=recursive, span=word.span, guess=ends_of(text))
    start = locate(folder or ("/" if text.startswith("/") else "."), cwds, home, near=near, span=word.span)
    everything = not last and tail in ("*", ".*", "**", "**/*", ".[!.]*", "{*,.*}", "./*")
    return Spot(
        start.paths,
        text,
        below=True,
        recursive=recursive,
        everything=everything,
        shallow="/" not in tail,
        span=word.span,
        guess=(*start.guess, *globbed(start.likely, tail)),
    )


def touch_drafts(touched: Sequence[Touched], scope: Scope, context: Context) -> list[Group]:
    """Judge touched words and group them by environment, in order of appearance."""
    groups: dict[str, Group] = {}
    judged_in = _away(context) if scope.machine else context
    for touch in touched:
        item = _piped(touch)
        spot = spot_of(item.word, scope, recursive=item.recursive)
        judged = judge(item.verb, spot, judged_in)
        environment = judged.environment
        if scope.machine:
            environment = context.environments.name_of([(PlaceKind.MACHINE, scope.machine), *scope.places])
        group = groups.get(environment)
        if group is None:
            group = groups[environment] = Group(Draft("", environment=environment, inside_workspace=True))
        _add(group, item, spot, judged, scope)
    for group in groups.values():
        group.shown = _list(group.words)
    return list(groups.values())


def _piped(item: Touched) -> Touched:
    """Return `<(…)` and `>(…)` as the pipe that they are; what runs inside is judged on its own."""
    word = item.word
    if word.known or item.verb is Verb.RUN or word.text[:2] not in ("<(", ">("):
        return item
    return Touched(Verb.LIST, Word("/dev/fd/63", span=word.span))


def _away(context: Context) -> Context:
    """Return what can be said about paths on another machine: nothing there is the workspace."""
    return replace(context, workspace="", cwd="", home="", environments=Environments())


def _add(group: Group, item: Touched, spot: Spot, judged: Judged, scope: Scope) -> None:
    draft = group.draft
    first = not group.words
    draft.effects |= judged.effects
    draft.inside_workspace = draft.inside_workspace and judged.inside
    for name, value in judged.attributes.items():
        if name not in _ALL:
            draft.attributes[name] = value
    for name in _ALL[1:]:
        held = bool(judged.attributes.get(name))
        draft.attributes[name] = held if first else bool(draft.attributes.get(name)) and held
    if first:
        draft.resource = _resource(spot, scope, is_glob=item.word.glob)
    if judged.effects != {Effect.READ} or not spot.paths:
        draft.point(item.word.span, _note(item, judged))
    reached = draft.trees if spot.below or spot.recursive or item.verb is Verb.RUN else draft.paths
    reached += [] if scope.machine else spot.paths
    if not spot.paths:
        draft.unseen.append(f"the path {shown(spot.shown)}")
    group.words.append(spot.shown)
    group.is_void = group.is_void and item.word.text.startswith("/dev/") and judged.effects == {Effect.READ}


def _resource(spot: Spot, scope: Scope, *, is_glob: bool) -> str:
    if scope.machine:
        return f"file:{scope.machine}/{normal('/' + spot.shown).lstrip('/')}" if spot.shown else "unknown:"
    if not spot.paths:
        return "unknown:"
    path = spot.paths[0]
    if spot.below:
        tail = spot.shown.rpartition("/")[2] if is_glob else "**"
        return f"file:{path.rstrip('/')}/{tail}"
    return f"file:{path}"


_DOES = {
    Verb.LIST: "lists",
    Verb.READ: "reads",
    Verb.CREATE: "makes",
    Verb.APPEND: "appends to",
    Verb.EDIT: "changes",
    Verb.PLACE: "writes",
    Verb.OVERWRITE: "overwrites",
    Verb.MOVE: "moves away",
    Verb.REMOVE: "removes",
    Verb.ERASE: "erases",
    Verb.MODE: "changes owner or permissions of",
    Verb.RUN: "runs",
}


def does(verb: Verb, what: str) -> str:
    """Say in plain words what is done: ``removes `/srv/data` ``."""
    return f"{_DOES[verb]} {what}"


def _note(item: Touched, judged: Judged) -> str:
    if Effect.SECRET in judged.effects:
        return SECRET_NOTE
    if Effect.PRIVILEGE in judged.effects and item.verb is not Verb.MODE:
        return PRIVILEGE_NOTE
    if judged.attributes.get("whole_workspace"):
        return "the whole workspace"
    return does(item.verb, "this path")


def _called(word: str) -> str:
    """Return a path as people read it; what another command hands over is called so."""
    if word == "{}":
        return "everything that is found"
    return f"what {shown(word[1:-1])} prints" if word[:1] == "<" and word[-1:] == ">" else shown(word)


def _list(words: Iterable[str]) -> str:
    """Return words for a message: all of few, the first of many."""
    names = [_called(word) for word in dict.fromkeys(words)]
    if len(names) <= 3:
        return ", ".join(names)
    return f"{', '.join(names[:2])} and {len(names) - 2} more"
