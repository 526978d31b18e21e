"""What a comparison comes to, in sentences that say no more than the data do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ftcore.comparison.pairwise import Pair
from ftcore.report import numbers
from ftcore.report.compare_data import Comparison

ONE_RUN = "these rows and these runs only, not attributable to {by}"
MORE_SEEDS = "Several seeds a side (--seeds 5) would tell the {by} from chance."


def verdict(comparison: Comparison) -> str:
    """Return the sentence at the head of the report."""
    title = comparison.about[comparison.main]["title"]
    pairs = comparison.main_pairs
    if len(comparison.variants) < 2:
        return _alone(comparison, title)
    compared = [pair for pair in pairs if pair.scope != "none"]
    if not compared:
        return f"{title} cannot be compared: {_reasons(pairs)}."
    if all(pair.identical for pair in compared):
        return f"{title}: the same on every test row for {_all(comparison)}."
    if all(pair.scope == "rows" for pair in compared):
        return _one_run_each(comparison, compared, title)
    return _ranked(comparison, title)


def _alone(comparison: Comparison, title: str) -> str:
    (variant,) = comparison.variants
    if any(cell.variant != variant.name for cell in comparison.failed):
        return f"Only {variant.name} finished: there is nothing to compare it with."
    mean = comparison.means[variant.name][comparison.main]
    seeds = numbers.plural(len(mean.scores), "seed")
    margin = numbers.interval(mean.interval.low, mean.interval.high)
    return f"{title} of {variant.name}: {numbers.metric(mean.value)} over {seeds} ({margin})."


def _all(comparison: Comparison) -> str:
    return listed([variant.name for variant in comparison.variants])


def _reasons(pairs: Sequence[Pair]) -> str:
    found = dict.fromkeys(pair.reason.partition(": ")[2] for pair in pairs)
    return "; ".join(found)


def _one_run_each(comparison: Comparison, pairs: Sequence[Pair], title: str) -> str:
    """Say what the rows show of single runs, and that the variants are another matter."""
    by = comparison.seeds_by
    only = ONE_RUN.format(by=f"the {by}")
    differing = [pair for pair in pairs if pair.found and pair.found.significant]
    more = MORE_SEEDS.format(by=by)
    if not differing:
        return f"{title}: no significant difference between single runs ({only}). {more}"
    parts = [sentence(pair) for pair in differing[:3]]
    rest = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
    return f"{title}: {'; '.join(parts)}{rest} ({only}). {more}"


def sentence(pair: Pair) -> str:
    """Return one difference in words; for a pair that was compared."""
    found = pair.found
    assert found is not None
    if not found.significant:
        return f"no significant difference between {pair.one} and {pair.other}"
    size = numbers.metric(abs(found.difference))
    ends = sorted((abs(found.low), abs(found.high)))
    margin = numbers.interval(*ends)
    return f"{pair.other} is {found.words} than {pair.one} by {size} ({margin})"


def _ranked(comparison: Comparison, title: str) -> str:
    ranking = comparison.ranking
    if ranking is None:
        shown = [sentence(pair) for pair in comparison.main_pairs if pair.shown]
        return f"{title}: {'; '.join(shown) or 'no significant difference'}."
    if not ranking.supported:
        note = _detectable(comparison)
        return f"{title}: no significant difference. The seeds do not support a ranking.{note}"
    best, *others = ranking.leaders
    if ranking.complete:
        return f"{title}: {' > '.join(ranking.order)}, each step significant over the seeds."
    if not others:
        return f"{title}: {best} is significantly better than all others."
    shown = [sentence(pair) for pair in comparison.main_pairs if pair.shown]
    verb = "is" if len(others) == 1 else "are"
    return (
        f"{title}: no single best; {listed(others)} {verb} not shown to be worse than {best}. "
        f"Shown: {'; '.join(shown)}."
    )


def _detectable(comparison: Comparison) -> str:
    found = [
        pair.found.detectable
        for pair in comparison.main_pairs
        if pair.found is not None and pair.found.detectable == pair.found.detectable
    ]
    if not found:
        return ""
    return f" A difference of {numbers.metric(max(found))} would mostly have been noticed."


def spread_words(comparison: Comparison) -> str:
    """Say how much of the spread is the seeds', the variants' and the rows'."""
    spread, by = comparison.spread, comparison.seeds_by
    title = comparison.about[comparison.main]["title"]
    if spread.seeds is None:
        return f"One run each: how far {title} moves from seed to seed is not known."
    parts = [f"from seed to seed by {numbers.metric(spread.seeds)} (standard deviation)"]
    if spread.variants is not None:
        beyond = numbers.metric(spread.variants)
        parts.append(f"with the {by}, beyond what the seeds explain, by {beyond}")
    text = f"{title} moves {' and '.join(parts)}."
    if spread.rows is not None:
        text += f" Other test rows of the kind would move it by {numbers.metric(spread.rows)}."
    return text


def notes(comparison: Comparison) -> Iterator[str]:
    """Yield the remarks, the cells that failed first."""
    for cell in comparison.failed:
        where = f" ({cell.run})" if cell.run else ""
        yield f"{cell.variant}, seed {cell.seed} did not finish: {cell.error}{where}"
    yield from comparison.notes


def listed(names: Sequence[str]) -> str:
    """Return names as words: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
