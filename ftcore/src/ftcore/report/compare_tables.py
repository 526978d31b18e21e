"""The tables of a comparison: metrics, paired differences, time and memory, rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ftcore.comparison.pairwise import Pair
from ftcore.comparison.seeds import SeedMean
from ftcore.report import numbers
from ftcore.report.compare_data import ComparedVariant, Comparison
from ftcore.report.grid import Cell, Column, Grid
from ftcore.report.tables import Difference


def metrics_grid(comparison: Comparison) -> Grid:
    """Return one row a variant: its runs, and each metric's mean over the seeds."""
    about = comparison.about
    columns = [Column("Variant", number=False), Column("Runs")]
    columns += [Column(str(about[name]["title"])) for name in comparison.metrics]
    rows = []
    for variant in comparison.variants:
        means = comparison.means[variant.name]
        cells = [mean_cell(means.get(name)) for name in comparison.metrics]
        rows.append((Cell(variant.name), Cell(str(len(variant.runs))), *cells))
    return Grid(tuple(columns), tuple(rows), _leader(comparison))


def _leader(comparison: Comparison) -> int | None:
    """Return the row of the one variant that is shown to be better than all others."""
    ranking = comparison.ranking
    if ranking is None or not ranking.supported or len(ranking.leaders) != 1:
        return None
    return [variant.name for variant in comparison.variants].index(ranking.leaders[0])


def mean_cell(mean: SeedMean | None) -> Cell:
    """Return a mean with its interval, and the spread over the seeds."""
    if mean is None:
        return Cell(numbers.MISSING)
    note = ""
    if mean.interval.low == mean.interval.low:
        note = numbers.interval(mean.interval.low, mean.interval.high)
    if mean.sd == mean.sd:
        note += f"{'; ' if note else ''}seeds ± {numbers.metric(mean.sd)}"
    return Cell(numbers.metric(mean.value), note)


def pairs_grid(comparison: Comparison, *, main: bool) -> Grid:
    """Return one row a pair of variants: by the deciding metric, or by all others."""
    pairs = [pair for pair in comparison.pairs if (pair.metric == comparison.main) is main]
    columns = [Column("Pair", number=False)]
    columns += [] if main else [Column("Metric", number=False)]
    columns += [Column("Difference"), Column("p (Holm)"), Column("About", number=False)]
    about = comparison.about
    rows = []
    for pair in pairs:
        cells = [Cell(f"{pair.other} {numbers.MINUS} {pair.one}")]
        cells += [] if main else [Cell(str(about[pair.metric]["title"]))]
        rows.append((*cells, pair_cell(pair), Cell(_p_value(pair)), Cell(scope_words(pair))))
    return Grid(tuple(columns), tuple(rows))


def pair_cell(pair: Pair) -> Cell:
    """Return a difference with its interval and what it comes to."""
    if pair.found is None:
        return Cell(numbers.MISSING, words=pair.reason)
    if pair.identical:
        return Cell(numbers.signed(pair.found.difference), words="the same on every row")
    found = pair.found
    number = {name: _finite(getattr(found, name)) for name in ("low", "high", "detectable")}
    shown = Difference(
        difference=found.difference,
        words=found.words,
        better=found.better,
        n=found.n,
        p_value=_finite(found.p_value),
        p_adjusted=_finite(found.p_adjusted),
        **number,
    )
    note = numbers.signed_interval(shown.low, shown.high)
    return Cell(numbers.signed(shown.difference), note, shown.verdict(), shown.tone())


def scope_words(pair: Pair) -> str:
    """Say what a difference is about."""
    if pair.scope == "none" or pair.found is None:
        return ""
    rows = numbers.plural(pair.found.n, "row")
    if pair.scope == "rows":
        same = "the same seed" if pair.matched else "one seed each"
        return f"these {rows} and two runs only ({same})"
    first, second = pair.seeds
    if pair.matched:
        return f"{numbers.plural(len(first), 'seed')}, compared seed by seed; {rows}"
    return f"{len(first)} and {len(second)} seeds; {rows}"


def _p_value(pair: Pair) -> str:
    if pair.found is None or pair.found.p_adjusted != pair.found.p_adjusted:
        return numbers.MISSING
    value = pair.found.p_adjusted
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def costs_grid(comparison: Comparison) -> Grid:
    """Return one row a variant: time, speed, memory, size; columns without any figure left out."""
    figures: list[tuple[str, Callable[[ComparedVariant], Cell]]] = [
        ("Wall time", lambda v: _range(v.cost("wall"), numbers.duration)),
        ("Start-up", lambda v: _range(v.cost("start_up"), numbers.duration)),
        ("Training steps", lambda v: _range(v.cost("steps"), numbers.duration)),
        ("Training tokens/s", lambda v: _range(v.cost("tokens_per_second"), numbers.count)),
        ("Peak memory", lambda v: _range(v.cost("memory"), _mebibytes)),
        ("Peak GPU memory", lambda v: _range(v.cost("gpu_memory"), _mebibytes)),
        ("Export", _exports),
        ("Cost of a run", lambda v: _money(comparison.cost(v))),
    ]
    made = [(title, [make(v) for v in comparison.variants]) for title, make in figures]
    shown = [(title, cells) for title, cells in made if any(c.text != "" for c in cells)]
    columns = (Column("Variant", number=False), *(Column(title) for title, _ in shown))
    rows = [
        (Cell(variant.name), *(_or_missing(cells[place]) for _, cells in shown))
        for place, variant in enumerate(comparison.variants)
    ]
    return Grid(columns, tuple(rows))


def _range(values: Sequence[float], words: Callable[[float], str]) -> Cell:
    if not values:
        return Cell("")
    mean = words(sum(values) / len(values))
    ends = words(min(values)), words(max(values))
    return Cell(mean, f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else "")


def _exports(variant: ComparedVariant) -> Cell:
    exports = variant.runs[0].costs.exports
    parts = [f"{name} {numbers.size(size)}" for name, size in exports.items()]
    return Cell(", ".join(parts))


def _money(cost: float | None) -> Cell:
    return Cell("" if cost is None else f"{cost:#.3g}".removesuffix("."))


def _mebibytes(value: float) -> str:
    return numbers.size(value * 2**20)


def _or_missing(cell: Cell) -> Cell:
    return cell if cell.text else Cell(numbers.MISSING)


def rows_grid(comparison: Comparison) -> Grid | None:
    """Return how many rows each pair gets right and wrong; None where that was not judged."""
    pairs = comparison.disagreements.pairs
    if not pairs:
        return None
    titles = ("Both right", "Only the first", "Only the second", "Neither")
    columns = (Column("Pair", number=False), *(Column(title) for title in titles))
    rows = [
        (
            Cell(f"{pair.one} and {pair.other}"),
            *(
                Cell(numbers.count(number))
                for number in (pair.both, pair.only_one, pair.only_other, pair.neither)
            ),
        )
        for pair in pairs
    ]
    return Grid(columns, tuple(rows))


def _finite(value: float) -> float | None:
    return value if value == value and abs(value) != float("inf") else None
