"""What the votes come to: each rater, everybody by row, agreement; as data, text and Markdown."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftcore.evaluation.statistics import NO_DIFFERENCE
from ftcore.judging.agreement import Agreement, agreement
from ftcore.judging.pairs import Contest, Pair
from ftcore.judging.preference import Preference
from ftcore.judging.sitting import Standing, standings
from ftcore.judging.votes import MODEL, TIE, VoteFile
from ftcore.protocol import finite
from ftcore.report import numbers
from ftcore.report.escaping import markdown_text
from ftcore.report.grid import Cell, Column, Grid, Tone

Verdicts = dict[str, str]  # row -> winner or "tie"


@dataclass(frozen=True, slots=True)
class RaterResult:
    """One rater's verdicts on rows whose answers differ.

    Of people, ``first_side`` of ``decided`` votes went to the answer shown as answer 1. Of models,
    ``by_order`` verdicts changed with the order of the answers and count as ties, ``unreadable``
    rows got no verdict.
    """

    name: str
    model: bool
    preference: Preference
    skipped: int
    first_side: int
    decided: int
    by_order: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """What the votes on one contest come to.

    ``names`` are the two sides; every figure is about the second one. ``people`` pools all people
    by row: a row goes to the side with more votes. ``among_people`` and ``with_people`` (each
    model with the people's verdicts) are agreements. ``stale`` votes were on other texts than there
    are now, or given by a model under other instructions; ``damaged`` lines could not be read.
    """

    names: tuple[str, str]
    folder: Path
    rows: int
    identical: int
    left_out: int
    raters: tuple[RaterResult, ...]
    people: Preference | None
    among_people: Agreement | None
    with_people: tuple[Agreement, ...]
    stale: int
    damaged: int

    @classmethod
    def of(cls, contest: Contest) -> JudgeReport:
        """Count the votes that the contest's folder holds."""
        votes, damaged = VoteFile(contest.folder / "votes.jsonl").read()
        # A row with identical answers is a tie, whatever somebody who saw it said.
        differing = contest.differing
        found = standings(votes, contest.pairs)
        identical = len(contest.pairs) - len(differing)
        verdicts = {name: _verdicts(standing, differing) for name, standing in found.items()}
        people = {name: own for name, own in verdicts.items() if own and not _is_model(name)}
        models = {name: own for name, own in verdicts.items() if own and _is_model(name)}
        pooled = _majority(people)

        def preference(own: Mapping[str, str]) -> Preference:
            return _preference(own, contest.names, identical, len(differing))

        return cls(
            names=contest.names,
            folder=contest.folder,
            rows=len(contest.pairs),
            identical=identical,
            left_out=contest.left_out,
            raters=tuple(
                _rater(name, found[name], preference(own), contest)
                for name, own in verdicts.items()
                if own or found[name].skipped or found[name].unreadable
            ),
            people=preference(pooled) if people else None,
            among_people=agreement(people) if len(people) > 1 else None,
            with_people=tuple(
                both
                for name, own in models.items()
                if (both := agreement({name: own, "people": pooled})) is not None
            ),
            stale=sum(standing.stale for standing in found.values()),
            damaged=damaged,
        )

    def grid(self) -> Grid:
        """Return a row for each rater, and one for all people where there are several."""
        titles = ("Rows", "Won", "Tied", "Lost", "Rate", "p")
        columns = (Column("Rater", number=False), *map(Column, titles))
        rows = [_cells(rater.name, rater.preference) for rater in self.raters]
        several = sum(not rater.model for rater in self.raters) > 1
        if several and self.people is not None:
            rows.append(_cells("all people, by row", self.people))
        return Grid(columns, tuple(rows), strong=len(rows) - 1 if several else None)

    def notes(self) -> list[str]:
        """Return what has to be said beside the grid, a sentence each."""
        found = [self._rows_note()]
        if self.raters:
            found.append(
                f"Won: {self.names[1]} is better; lost: {self.names[0]} is. Rate: share of rows "
                "won, ties as half, with Tango's 95% score interval (Wilson's where nothing is "
                "tied). p: sign test, mid-p. A row counts once, however many people judged it."
            )
        found += [note for rater in self.raters for note in _rater_notes(rater)]
        found += [
            _agreement_note("People", self.among_people),
            *(_agreement_note(f"{both.raters[0]} with people", both) for both in self.with_people),
        ]
        if self.stale:
            found.append(
                f"{numbers.plural(self.stale, 'vote')} left out: given on other answers than there "
                "are now, or by a model under other instructions."
            )
        if self.damaged:
            found.append(f"{numbers.plural(self.damaged, 'line')} of votes.jsonl cannot be read.")
        return [note for note in found if note]

    def _rows_note(self) -> str:
        rows = f"{numbers.plural(self.rows, 'row')} with two answers"
        if self.identical:
            rows += f"; on {self.identical} both answers are identical, which counts as a tie"
            if self.identical < self.rows:
                rows += " (in proportion to the other rows that a rater judged)"
        if self.left_out:
            rows += f"; {numbers.plural(self.left_out, 'row')} left out, answered by one side only"
        return rows + "." if self.raters else rows + ". There are no votes yet."

    def to_text(self) -> str:
        """Return the grid and its notes for a terminal."""
        return "\n".join([*([self.grid().to_text(), ""] if self.raters else []), *self.notes()])

    def to_markdown(self) -> str:
        """Return the report as Markdown; every text in it is escaped."""
        first, second = map(markdown_text, self.names)
        parts = [f"# Votes: {second} against {first}"]
        if self.raters:
            parts.append(self.grid().to_markdown())
        parts.append("\n".join(f"- {markdown_text(note)}" for note in self.notes()))
        return "\n\n".join(parts) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {**asdict(self), "folder": str(self.folder)}

    def write(self) -> tuple[Path, Path]:
        """Write ``report.md`` and ``report.json`` into the folder, which is there; return paths."""
        data = json.dumps(finite(self.to_json()), ensure_ascii=False, indent=2, allow_nan=False)
        paths = (self.folder / "report.md", self.folder / "report.json")
        for path, text in zip(paths, (self.to_markdown(), data + "\n"), strict=True):
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
            temporary.replace(path)
        return paths

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes())
        return (self.grid().to_html() if self.raters else "") + notes


def _is_model(name: str) -> bool:
    return name.startswith(MODEL)


def _verdicts(standing: Standing, differing: tuple[Pair, ...]) -> Verdicts:
    rows = {pair.row_id for pair in differing}
    return {
        row_id: vote.winner
        for row_id, vote in standing.votes.items()
        if row_id in rows and vote.winner is not None
    }


def _majority(people: Mapping[str, Verdicts]) -> Verdicts:
    """Return whom each row goes to: the side with more votes, a tie where they are even."""
    pooled: Verdicts = {}
    for row_id in dict.fromkeys(row for own in people.values() for row in own):
        given = [own[row_id] for own in people.values() if row_id in own]
        sides = sorted({winner for winner in given if winner != TIE}, key=given.count)
        even = len(sides) == 2 and given.count(sides[0]) == given.count(sides[1])
        pooled[row_id] = TIE if not sides or even else sides[-1]
    return pooled


def _preference(
    verdicts: Mapping[str, str], names: tuple[str, str], identical: int, differing: int
) -> Preference:
    given = list(verdicts.values())
    return Preference.of(
        given.count(names[1]),
        given.count(TIE),
        given.count(names[0]),
        identical=identical,
        differing=differing,
    )


def _rater(name: str, standing: Standing, found: Preference, contest: Contest) -> RaterResult:
    votes = list(standing.votes.values())
    decided = [vote for vote in votes if vote.left is not None and vote.winner != TIE]
    return RaterResult(
        name=name,
        model=_is_model(name),
        preference=found,
        skipped=len(standing.skipped),
        first_side=sum(vote.winner == vote.left for vote in decided),
        decided=len(decided),
        by_order=sum(vote.orders is not None and len(set(vote.orders)) > 1 for vote in votes),
        unreadable=len(standing.unreadable),
    )


def _cells(name: str, found: Preference) -> tuple[Cell, ...]:
    if found.rate is None or found.p is None:
        figures = (Cell(numbers.MISSING),) * 2
    else:
        words = NO_DIFFERENCE
        if found.better is not None:
            words = "better" if found.better else "worse"
        tone: Tone = "even" if found.better is None else "good" if found.better else "bad"
        rate = numbers.metric(found.rate)
        interval = numbers.interval(found.low, found.high)
        figures = (Cell(rate, interval, words, tone), Cell(numbers.metric(found.p)))
    counts = (found.judged, found.wins, found.ties, found.losses)
    return (Cell(name), *(Cell(numbers.count(count)) for count in counts), *figures)


def _rater_notes(rater: RaterResult) -> list[str]:
    found = []
    if rater.decided:
        found.append(
            f"{rater.name}: {rater.first_side} of {rater.decided} decided votes went to the answer "
            "shown first."
        )
    if rater.skipped:
        found.append(f"{rater.name}: {numbers.plural(rater.skipped, 'row')} skipped.")
    if rater.by_order:
        found.append(
            f"{rater.name}: {numbers.plural(rater.by_order, 'verdict')} changed with the order of "
            "the answers and count as ties."
        )
    if rater.unreadable:
        rows = numbers.plural(rater.unreadable, "row")
        found.append(f"{rater.name}: no verdict could be read on {rows}; they are left out.")
    return found


def _agreement_note(who: str, found: Agreement | None) -> str:
    if found is None:
        return ""
    rows = f"{who}: equal verdicts in {numbers.metric(found.observed)} of pairs"
    rows += f" on {numbers.plural(found.rows, 'row')} judged by both sides or more"
    if found.alpha is None:
        return rows + "; Krippendorff's alpha is undefined, since all verdicts are the same."
    interval = numbers.interval(found.low, found.high)
    return rows + f"; Krippendorff's alpha {numbers.metric(found.alpha)} ({interval})."
