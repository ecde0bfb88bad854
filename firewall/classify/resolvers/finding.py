"""One thing's answers put together: found or not, where it lies, what is known of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firewall.classify.environments import Environments, PlaceKind
from firewall.classify.resolvers import facts
from firewall.classify.resolvers.answers import errors_of
from firewall.classify.resolvers.paths import reach, text_of
from firewall.classify.resolvers.vendor import Less, Lies, ThingRule
from firewall.core.action import LOCAL, UNRESOLVED
from firewall.core.thing import Thing
from firewall.core.world import Finding, Limit, Standing

MAX_LIES = 100
MAX_TAGS = 60
"""Values of one word; a thing with more lies nowhere that we know."""
_WORD = re.compile(r"\{([a-z_]+)\}")
_RESERVED = frozenset({LOCAL, UNRESOLVED})


@dataclass(frozen=True, slots=True)
class Known:
    """What places are called: environments.toml, and the names that an API's own word may be."""

    environments: Environments
    names: frozenset[str]


def item_of(rule: ThingRule, thing: Thing, answer: object) -> tuple[Standing, object, str]:
    """Find the thing in an answer: its standing, the object where it is known, and why where it is not."""
    messages = errors_of(answer)
    if messages:
        is_unknown = all(rule.unknown.search(message[:500]) for message in messages)
        return (Standing.UNKNOWN if is_unknown else Standing.UNSEEN), None, "the API answered with an error"
    answered = [one for one in reach(answer, rule.found) if isinstance(one, Mapping)]
    objects = [one for one in answered if _is_it(rule, thing, one)]
    if answered and not objects and not rule.more:  # it was asked for by its id, and is no list that has an end
        return Standing.UNSEEN, None, "the API answered with another thing"
    if len(objects) == 1:
        return Standing.KNOWN, objects[0], ""
    if len(objects) > 1:
        return Standing.UNSEEN, None, "the answer holds it more than once"
    if answer is None or is_partial(rule.more, answer):
        return Standing.UNSEEN, None, "the answer is not all of it, or cannot be read"
    return Standing.UNKNOWN, None, "the API does not know it"


def _is_it(rule: ThingRule, thing: Thing, item: object) -> bool:
    """Tell whether an object of an answer is the thing that was asked about."""
    names = {thing.id, *(value for _, value in thing.parts[-1:])}
    return not rule.match or not names.isdisjoint(map(text_of, reach(item, rule.match)))


def is_partial(paths: Sequence[str], answer: object) -> bool:
    """Tell whether an answer says that there is more than it holds."""
    for path in paths:
        values = reach(answer, path.removeprefix("+"))
        if any(value is True or (path.startswith("+") and value not in ("", False, 0)) for value in values):
            return True
    return False


def environments_of(lies: Lies, thing: Thing, item: object, known: Known) -> tuple[str, ...]:
    """Return our names of the places where a thing lies, `unresolved` for one that nobody names."""
    if not lies.places and not lies.environment:
        return ()
    parts = reach(item, lies.each) if lies.each else [item]
    found = {_environment(lies, thing, part, item, known) for part in parts[:MAX_LIES]}
    if not parts or len(parts) > MAX_LIES:
        found.add(UNRESOLVED)
    return tuple(sorted(found))


def _environment(lies: Lies, thing: Thing, part: object, item: object, known: Known) -> str:
    """Return where one part lies: by the rows of environments.toml, else by the API's own word for it."""
    places = [
        (PlaceKind(name), filled)
        for name, template in lies.places
        for filled in _filled(template, thing, part, item)
    ]
    claimed = known.environments.claimed(places)
    if claimed:
        return claimed.pop() if len(claimed) == 1 else UNRESOLVED
    words = {text_of(value).strip().lower() for path in lies.environment for value in reach(part, path)} - {""}
    word = words.pop() if len(words) == 1 else ""
    return word if word in known.names - _RESERVED else UNRESOLVED


def _filled(template: str, thing: Thing, part: object, item: object) -> list[str]:
    """Fill a place's template from the part, the thing or the request; nothing where a word is missing.

    One word may have several values (tags), each of which is a place.
    """
    texts, rest, is_several = [""], template, False
    own = {"this": thing.id, **dict(thing.parts)}
    while "{" in rest:
        before, _, tail = rest.partition("{")
        word, _, rest = tail.partition("}")
        values = reach(part, word) or reach(item, word) or ([own[word]] if word in own else [])
        found = [text for value in values[:MAX_TAGS] if (text := text_of(value))]
        if not found or len(found) < len(values) or (len(found) > 1 and is_several):
            return []
        is_several = is_several or len(found) > 1
        texts = [text + before + one for text in texts for one in found]
    return [text + rest for text in texts]


def finding(
    rule: ThingRule,
    thing: Thing,
    item: object,
    environments: tuple[str, ...],
    *,
    answers: Sequence[Sequence[object]] = (),
    now_us: int,
) -> Finding:
    """Put together what is known; `answers`: for each of the rule's steps the objects that it found."""
    raw = facts.gathered(rule.facts, [item], now_us)
    for step, objects in zip(rule.then, answers, strict=False):
        raw = facts.merged(raw, facts.gathered(step.facts, objects, now_us))
    limits = tuple(limit for one in rule.less if (limit := _limit(one, item)) is not None)
    held = tuple((f"keeps ({one.argument})", f"{one.now:g}") for one in limits)
    return Finding(
        thing=thing,
        standing=Standing.KNOWN,
        environments=environments,
        facts=facts.attributes(raw, now_us),
        bound=(*facts.bound(raw, rule), *held),
        says_where=bool(rule.lies.places or rule.lies.environment),
        narrowed_by=rule.narrowed_by,
        said=tuple(facts.said(raw, rule.kind, environments, now_us)),
        ids={name: tuple(text_of(value) for value in reach(item, path))[:20] for name, path in rule.ids},
        limits=limits,
    )


def _limit(rule: Less, item: object) -> Limit | None:
    """Return how much is kept now; None where the answer does not say."""
    values = [facts.number(value) for value in reach(item, rule.path)]
    now = values[0] if len(values) == 1 else rule.absent if not values else None
    return None if now is None else Limit(rule.argument, now, rule.words, rule.is_recovery)


def kept(
    objects: Sequence[object], where: Sequence[tuple[str, str]], words: Mapping[str, str]
) -> list[object] | None:
    """Return the objects that have at each path the text that stands there; None where a word is missing.

    `!text` keeps the objects that do not have it. Names are compared without regard to case, as Azure's are.
    """
    left = list(objects)
    for path, text in where:
        wanted = text.removeprefix("!")
        if not set(_WORD.findall(wanted)) <= words.keys():
            return None
        wanted = _WORD.sub(lambda found: words[found[1]], wanted).casefold()
        has = [wanted in {text_of(value).casefold() for value in reach(one, path)} for one in left]
        left = [one for one, yes in zip(left, has, strict=True) if yes is not text.startswith("!")]
    return left


def unseen(
    rule: ThingRule | None,
    thing: Thing,
    why: str,
    *,
    standing: Standing = Standing.UNSEEN,
    environments: tuple[str, ...] = (),
) -> Finding:
    """Return what is left of a thing that nobody could look at, or that the API does not know."""
    return Finding(
        thing,
        standing,
        environments,
        says_where=rule is None or bool(rule.lies.places or rule.lies.environment),
        narrowed_by=rule.narrowed_by if rule is not None else (),
        why=why,
    )
