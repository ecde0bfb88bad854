"""Money for model calls: what each holds before it is sent, and why one is refused.

INVARIANT: a call under a cap of money is sent only after its worst case is held, in the commit of its entry. The
worst case is of all its candidates together: one that broke off may charge, and so may the next that answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from firewall.core.budget import Account, Budget, Scope, ends_us
from firewall.core.errors import FirewallError, LimitError
from firewall.core.fast_init import fast_init, maker
from firewall.core.money import UNUSED, Price, Tokens, dollars, worst
from firewall.core.ports import Clock, Sequencer
from firewall.core.spending import Line, Part, Reserve, State, line_of, part_of
from firewall.core.work import Plain, Step, Unmet
from firewall.spend.charging import Ask, Book, draws_from, is_of_candidate
from firewall.spend.estimate import MOST_ASIDE_READ, MOST_ASIDE_WROTE
from firewall.spend.prices import STANDARD, Prices, Sold
from firewall.spend.quotes import Longest, Quotes

LEASE_US = 2 * 3_600_000_000
"""Longer than any call and any hold lives."""
_LONGEST_WAIT_S = 86_400


class PriceUnknownError(FirewallError):
    """Nobody knows what the call may cost, and it may not cost more than a cap."""

    code = "price_unknown"
    status = 403


@fast_init
@dataclass(frozen=True, slots=True)
class Offer:
    """One candidate with what it costs."""

    sold: Sold
    price: Price | None
    """Of the variant that was asked for."""
    standard: Price | None
    """Of no variant: a provider may serve a call so that asked for another tier."""
    input_tokens: int
    """At most."""
    output_tokens: int
    """At most, for all answers together."""
    worst_micros: int
    """0 where the price is unknown."""
    asides_micros: int = 0
    """Of that, what questions of ours to it cost."""
    slice_tokens: int = 0
    """How much of its output is held at a time; 0: the worst case is held."""
    thinks: bool = True
    """It may write what it does not show."""


@fast_init
@dataclass(frozen=True, slots=True)
class Opened:
    """A call that is ready to be recorded, held and sent."""

    id: str
    ask: Ask
    offers: tuple[Offer, ...]
    """Candidates that may be asked: under a cap only those whose price is known."""
    accounts: tuple[Account, ...]
    reserved_micros: int
    """The most that is held on one account; 0 where nothing is capped."""
    at_us: int
    held: tuple[Part, ...] = ()
    """What is held on each account before it is sent."""
    slice_tokens: int = 0
    """How much of the output is held at a time; 0: the worst case is held."""

    def line(
        self,
        state: State = State.OPEN,
        *,
        sold: Sold | None = None,
        entry: int = 0,
        used: Tokens = UNUSED,
        cost_micros: int | None = None,
        attempts: int = 1,
        price: str = "",
    ) -> Line:
        """Return the call's line in the ledger; `sold`: who answered, by default whoever is asked first."""
        ask, payer = self.ask, self.ask.payer
        by = sold or self.offers[0].sold
        return line_of(  # in the order of its fields: by their names it would take twice as long
            self.id, self.at_us, state, entry, payer.token, payer.principal, payer.owner, payer.session,
            payer.about, ask.route, by.provider, by.model, used, cost_micros, self.reserved_micros, attempts,
            price,
        )  # fmt: skip

    @property
    def steps(self) -> tuple[Step, ...]:
        """What holds its money: for the unit of its entry; the takes of rates stand before it."""
        return (_reserved(self.line(), self.held, self.at_us + LEASE_US),) if self.held else ()

    @property
    def facts(self) -> Mapping[str, Plain]:
        """What its entry says of money."""
        return {"call": self.id, "reserved_micros": self.reserved_micros} if self.accounts else {"call": self.id}

    def parts(self, tokens: int | None = None, *, of: Sold | None = None) -> tuple[Part, ...]:
        """Return what is held on each account: the worst case, or so many tokens more of `of`'s output."""
        if not self.accounts:
            return ()
        offers = self.offers if of is None else tuple(one for one in self.offers if one.sold == of)
        return tuple(_drawing(self.accounts, offers, tokens)[1])


_offered = maker(Offer)
_opened = maker(Opened)
_reserved = maker(Reserve)


def _drawing(
    accounts: tuple[Account, ...], offers: tuple[Offer, ...], tokens: int | None = None
) -> tuple[list[Account], list[Part]]:
    """Return the accounts that at least one offer draws from, and beside each what that is."""
    amounts = [(offer.sold, offer.worst_micros if tokens is None else _amount(offer, tokens)) for offer in offers]
    every = sum([micros for _, micros in amounts])
    drawing: list[Account] = []
    parts: list[Part] = []
    for account in accounts:
        micros = every
        if is_of_candidate(account):
            own = [micros for sold, micros in amounts if draws_from(account, sold)]
            if not own:
                continue
            micros = sum(own)
        drawing.append(account)
        parts.append(part_of(account.key, micros, account.hard_micros))
    return drawing, parts


def _amount(offer: Offer, tokens: int) -> int:
    read = offer.input_tokens  # held already; a long one makes what is written dearer
    return _worst(offer.price, offer.standard, read, tokens, 0) - _worst(offer.price, offer.standard, read, 0, 0)


@dataclass(slots=True, eq=False)
class Spending:
    """Holds and refuses; one for all gates."""

    sequencer: Sequencer
    clock: Clock
    prices: Callable[[], Prices]
    """Those in force."""
    new_id: Callable[[], str]
    budgets: tuple[Budget, ...] = ()
    longest: Callable[[Sold], Longest] = lambda _: Longest()
    slice_tokens: int = 0
    """Of a stream's output, how much is held at first; 0: all that it may be."""
    _quotes: Quotes = field(default_factory=Quotes)
    _book: Book = field(init=False)

    def __post_init__(self) -> None:
        """Open the book of the budgets."""
        self._book = Book(self.budgets)

    def price_of(self, sold: Sold, at_us: int, variant: Mapping[str, str] = STANDARD) -> Price | None:
        """Return what a model costs at an instant, as `Prices.of`."""
        if variant:
            return self.prices().of(sold, at_us, variant)
        return self._quotes.of(sold, at_us, self.prices(), self.longest).price

    async def open(self, ask: Ask, *, is_streamed: bool = False) -> Opened:
        """Return what a call holds and who may answer it.

        Raises: PriceUnknownError (403) where a cap applies and nobody's price is known.
        """
        if self.must_wait(ask):
            await self.prices().ready()
        return self.opened(ask, is_streamed=is_streamed)

    def must_wait(self, ask: Ask) -> bool:
        """Tell whether the price list has to be read before a call is opened, for which only `open` waits."""
        return not self.prices().is_ready and any(one.seller or one.base_url for one in ask.sold)

    def opened(self, ask: Ask, *, is_streamed: bool = False) -> Opened:
        """Return what `open` does, where it need not wait.

        Raises: PriceUnknownError as `open`.
        """
        prices, at_us = self.prices(), self.clock.now_us()
        every = self._book.drawn(ask, at_us)
        offers = self._offers(ask, prices, at_us)
        if every and None in [offer.price for offer in offers]:
            offers = _priced(offers, every, ask.beside)
        return self._opened(ask, offers, every, at_us, is_streamed=is_streamed)

    def fewer(self, opened: Opened, key: str) -> Opened | None:
        """Return the same call without the dearest candidate that draws from an account that is full.

        Of several that cost the same the last in the route's order is left out. This is how a route moves to
        cheaper models instead of being refused. None where nobody would be left.
        """
        full = next((one for one in opened.accounts if one.key == key), None)
        answering = [offer for offer in opened.offers if offer.sold not in opened.ask.beside]
        free = [offer for offer in answering if offer.sold not in opened.ask.asides]
        drawing = [offer for offer in free if full is not None and draws_from(full, offer.sold)]
        if not drawing or len(answering) < 2:
            return None
        dearest = max(reversed(drawing), key=lambda offer: offer.worst_micros)
        left = tuple(offer for offer in opened.offers if offer is not dearest)
        return self._opened(opened.ask, left, opened.accounts, opened.at_us, is_streamed=bool(opened.slice_tokens))

    def refusal(self, opened: Opened, unmet: Unmet) -> LimitError:
        """Return the error for a call that its money does not reach for; it says when there is more."""
        account = next((one for one in opened.accounts if one.key == unmet.found), None)
        if account is None:
            return LimitError("the budget is used up", retry_after_s=_LONGEST_WAIT_S, code="budget_exhausted")
        need = next((part.micros for part in opened.parts() if part.key == account.key), 0)
        end = ends_us(account.window, opened.at_us)
        wait_s = (end - opened.at_us) // 1_000_000 + 1 if end else _LONGEST_WAIT_S
        whose = "this token" if account.scope is Scope.TOKEN else f"this {account.scope.value.replace('_', ' ')}"
        return LimitError(
            f"the budget of {whose} has less left than this call may cost (${dollars(need)}); "
            "a smaller limit of output tokens holds less",
            retry_after_s=wait_s,
            code="budget_exhausted",
        )

    def _opened(
        self, ask: Ask, offers: tuple[Offer, ...], every: tuple[Account, ...], at_us: int, *, is_streamed: bool
    ) -> Opened:
        tokens = self.slice_tokens if is_streamed else 0
        if tokens:
            offers = tuple([_sliced(offer, tokens, ask.bound.searches) for offer in offers])
        if not every:
            return _opened(self.new_id(), ask, offers, (), 0, at_us, (), tokens)
        drawing, parts = _drawing(every, offers)
        most = max([part.micros for part in parts]) if parts else 0
        return _opened(self.new_id(), ask, offers, tuple(drawing), most, at_us, tuple(parts), tokens)

    def _offers(self, ask: Ask, prices: Prices, at_us: int) -> tuple[Offer, ...]:
        bound, quotes, longest = ask.bound, self._quotes, self.longest
        if bound.variant or ask.asides:
            return tuple([self._offer(one, ask, at_us) for one in ask.sold])
        found: list[Offer] = []
        for sold in ask.sold:  # most calls ask for no variant, and nobody is asked beside those who answer
            quote = quotes.of(sold, at_us, prices, longest)
            read, wrote, price, ceiling = quote.read(bound), quote.wrote(bound), quote.price, quote.ceiling
            most = ceiling.most(read, wrote, bound.searches) if ceiling else 0
            found.append(_offered(sold, price, price, read, wrote, most, 0, 0, quote.thinks))
        return tuple(found)

    def _offer(self, sold: Sold, ask: Ask, at_us: int) -> Offer:
        bound, prices = ask.bound, self.prices()
        quote = self._quotes.of(sold, at_us, prices, self.longest)
        standard, read, wrote = quote.price, quote.read(bound), quote.wrote(bound)
        price = prices.of(sold, at_us, dict(bound.variant)) if bound.variant else standard
        worst_micros = _worst(price, standard, read, wrote, bound.searches)
        asides_micros = ask.asides.count(sold) * _worst(price, standard, MOST_ASIDE_READ, MOST_ASIDE_WROTE, 0)
        if sold in ask.beside and asides_micros:
            worst_micros = 0  # it is asked our questions and gives no answer
        most = worst_micros + asides_micros
        return _offered(sold, price, standard, read, wrote, most, asides_micros, 0, quote.thinks)


def _sliced(offer: Offer, tokens: int, searches: int) -> Offer:
    """Return an offer of which the input and a first slice of the output are held.

    Not where the model may think: what it does not show would be paid and not seen.
    """
    if offer.thinks or offer.slice_tokens:
        return offer
    wrote = min(tokens, offer.output_tokens)
    first = offer.asides_micros + _worst(offer.price, offer.standard, offer.input_tokens, wrote, searches)
    return replace(offer, worst_micros=first, slice_tokens=tokens)


def _worst(price: Price | None, standard: Price | None, *amounts: int) -> int:
    """Return the most of two prices for so many tokens in, tokens out and searches."""
    read, wrote, searches = amounts
    most = worst(price, input_tokens=read, output_tokens=wrote, searches=searches) if price else 0
    if standard is None or standard is price:
        return most
    return max(most, worst(standard, input_tokens=read, output_tokens=wrote, searches=searches))


def _priced(
    offers: tuple[Offer, ...], accounts: tuple[Account, ...], beside: frozenset[Sold]
) -> tuple[Offer, ...]:
    """Return the offers that a cap permits: where one applies, only those whose price is known.

    Raises: PriceUnknownError: nobody who answers has a price, or who is asked beside them has none.
    """
    kept = tuple(
        offer
        for offer in offers
        if offer.price is not None
        or not any(account.hard_micros and draws_from(account, offer.sold) for account in accounts)
    )
    lost = [offer.sold for offer in offers if offer not in kept and offer.sold in beside]
    if lost or not any(offer.sold not in beside for offer in kept):
        one = lost[0] if lost else offers[0].sold
        name = f"{one.provider}/{one.model}"
        raise PriceUnknownError(
            f"nobody knows what `{name[:120]}` costs, and a cap of money applies; "
            "give it a price in `policies/models.toml`"
        )
    return kept
