"""Whether a candidate may and can answer a call, and the words for why not. Pure.

INVARIANT: `misfit` is asked of every candidate of every plan, fallbacks included: what it refuses is never asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from firewall.core.dialect import Dialect
from firewall.core.errors import FirewallError
from firewall.core.fast_init import fast_init, maker
from firewall.core.grant import EVERY, Grant, any_matches
from firewall.routing.call import Candidate, LeftOut
from firewall.routing.choosing.constraints import Constraint, breach
from firewall.routing.choosing.facts import Facts
from firewall.routing.choosing.known import Known, Models
from firewall.routing.choosing.strategies import Quote

USUAL_OUTPUT = 8192
"""What an answer may take where neither the caller nor models.toml says a bound."""


class Why(StrEnum):
    """Why a candidate is left out; a constraint is `constraint:NAME`."""

    GRANT = "grant"
    CONSTRAINT = "constraint"
    UNAPPROVED = "unapproved"
    DATA_CLASS = "data_class"
    DIALECT = "dialect"
    WINDOW = "context_window"
    OUTPUT = "max_output_tokens"
    TOOLS = "tools"
    IMAGES = "images"
    REFERENCE = "reference"
    """Another provider keeps what the request goes on from."""
    UNPRICED = "unpriced"
    PRICE = "max_micros"


class NobodyError(FirewallError):
    """Nobody is left who may and can answer; the code says what stands in the way."""

    left_out: tuple[LeftOut, ...] = ()
    """Everybody, with what is in the way."""


_REFUSALS: Sequence[tuple[Why, str, int, str]] = (
    (Why.CONSTRAINT, "constraint_unmet", 403, "nobody who answers here meets what is required of such a call"),
    (Why.DATA_CLASS, "data_class_unmet", 403, "no model here may see data of this kind"),
    (Why.UNAPPROVED, "model_unapproved", 403, "no model that could answer has been approved"),
    (Why.UNPRICED, "price_unknown", 403, "spending is limited and the price of no model here is known"),
    (Why.PRICE, "price_too_high", 403, "every model here could cost more than this route permits"),
    (Why.WINDOW, "context_window_exceeded", 400, "the request is larger than any model here can read"),
    (Why.OUTPUT, "max_tokens_too_large", 400, "no model here can write so much"),
    (Why.TOOLS, "tools_unsupported", 400, "no model here can call tools"),
    (Why.IMAGES, "images_unsupported", 400, "no model here can see images"),
    (
        Why.REFERENCE,
        "reference_elsewhere",
        400,
        "what the request goes on from is kept by a provider not asked here",
    ),
    (Why.DIALECT, "untranslatable", 400, "nobody here can be asked in the dialect that was spoken"),
)
"""In order of weight: the first that stands in the way of somebody is what the caller is told."""


@fast_init
@dataclass(frozen=True, slots=True)
class Bench:
    """What candidates are measured against, for one call."""

    facts: Facts
    grant: Grant
    dialect: Dialect
    models: Models
    binding: Sequence[Constraint]
    """Constraints whose condition holds."""
    quote: Quote
    is_capped: bool
    """Spending is limited, so an unknown price refuses."""
    speaks: Callable[[Dialect, Dialect], bool]
    """Whether a client of the first dialect can be answered by a provider of the second."""
    issuers: frozenset[str] = frozenset()
    """Providers that keep what the call refers to; empty: it refers to nothing."""
    is_lenient: bool = False
    """Only what surely is too large counts as too large: the size of the input is an estimate."""
    is_priced: Callable[[Candidate], bool] | None = None
    """Whether `quote` would know a price, for less work; None: it has to be asked."""


bench_of = maker(Bench)


def permits(grant: Grant, candidate: Candidate) -> bool:
    """Tell whether a grant names a candidate, as `provider/model` or by the model alone."""
    return any_matches(grant.models, candidate.name) or any_matches(grant.models, candidate.model)


def misfit(
    candidate: Candidate,
    bench: Bench,
    *,
    route: Sequence[Constraint] = (),
    max_micros: int = 0,
    is_aside: bool = False,
) -> str:
    """Return why a candidate may not or cannot answer; empty: it may and can.

    `route`, `max_micros`: what the route itself requires; `is_aside`: it is only told of the call or its answer.
    """
    if bench.issuers and not is_aside and bench.issuers != {candidate.provider.name}:
        return Why.REFERENCE
    globs = bench.grant.models
    if globs != EVERY and not (any_matches(globs, bench.facts.model) or permits(bench.grant, candidate)):
        return Why.GRANT
    if bench.binding or route:
        breached = breach(bench.binding, candidate) or breach(route, candidate)
        if breached:
            return f"{Why.CONSTRAINT}:{breached}"
    known = bench.models.of(candidate.provider.name, candidate.model)
    return (
        _unfit_for_data(known, bench)
        or ("" if bench.speaks(bench.dialect, candidate.provider.dialect) else Why.DIALECT)
        or _unable(known, bench.facts, is_lenient=bench.is_lenient)
        or (_too_dear(candidate, bench, max_micros) if bench.is_capped or max_micros else "")
    )


def _unfit_for_data(known: Known, bench: Bench) -> str:
    if bench.models.require_approved and not known.approved_by:
        return Why.UNAPPROVED
    if known.data_classes is None:
        return ""
    return "" if all(_covered(label, known.data_classes) for label in bench.facts.sensitivity) else Why.DATA_CLASS


def _covered(label: str, classes: tuple[str, ...]) -> bool:
    """Tell whether a label or the kind it belongs to (`personal` of `personal:iban`) is among the classes."""
    return any_matches(classes, label) or any_matches(classes, label.partition(":")[0])


def _unable(known: Known, facts: Facts, *, is_lenient: bool) -> str:
    window, most = known.context_window, known.max_output_tokens
    wanted = facts.output_tokens or 0
    read = facts.input_tokens * 2 // 3 if is_lenient else facts.input_tokens
    if window is not None and read + wanted > window:
        return Why.WINDOW
    if most is not None and wanted > most:
        return Why.OUTPUT
    if known.capabilities is None:
        return ""
    if facts.has_tools and "tools" not in known.capabilities:
        return Why.TOOLS
    return Why.IMAGES if facts.has_images and "images" not in known.capabilities else ""


def _too_dear(candidate: Candidate, bench: Bench, max_micros: int) -> str:
    if not max_micros and bench.is_priced is not None:
        return "" if bench.is_priced(candidate) else Why.UNPRICED
    quoted = bench.quote(candidate)
    if quoted is None:
        return Why.UNPRICED
    return Why.PRICE if max_micros and quoted > max_micros else ""


def nobody(route: str, model: str, left_out: Sequence[LeftOut]) -> NobodyError:
    """Return the refusal of a call that nobody is left for; it names the route and what stands in the way."""
    reasons = {one.why.partition(":")[0] for one in left_out}
    words, code, status = f"the model `{model[:80]}` is not available to this token", "model_not_found", 404
    for why, its_code, its_status, its_words in _REFUSALS:
        if why in reasons:
            names = sorted({one.why.partition(":")[2] for one in left_out if one.why.startswith(f"{why}:")})
            named = f" ({', '.join(f'`{name}`' for name in names)})" if names else ""
            words, code, status = f"{its_words}{named}; route `{route}`", its_code, its_status
            break
    refusal = NobodyError(words, code=code, status=status)
    refusal.left_out = tuple(left_out)
    return refusal
