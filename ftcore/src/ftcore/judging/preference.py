"""How often one side wins: rate with ties as half, its interval, and the sign test."""

from __future__ import annotations

from dataclasses import dataclass

from ftcore.evaluation.yes_no import difference_interval, mcnemar

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Preference:
    """Rows won by the second side, tied and lost, and what follows.

    ``identical`` rows have the same answer on both sides and count as ties: all of them where every
    other row has a verdict, else as many in proportion. ``rate`` is (wins + ties / 2) / rows, with
    its 95% interval; ``p`` is the value of the sign test; all are None without a row. ``better``
    says whether the second side is significantly better (True), worse (False) or neither (None).
    """

    wins: int
    ties: int
    losses: int
    identical: int
    rate: float | None
    low: float | None
    high: float | None
    p: float | None
    better: bool | None

    @property
    def judged(self) -> int:
        """Rows with a verdict of somebody."""
        return self.wins + self.ties + self.losses

    @classmethod
    def of(
        cls, wins: int, ties: int, losses: int, *, identical: int = 0, differing: int = 0
    ) -> Preference:
        """Return the figures for verdicts on ``differing`` rows with ``identical`` ones beside.

        A verdict is a paired outcome with ties, so the test is McNemar's (the sign test, mid-p) and
        the interval is Tango's, which agrees with it whatever the ties are and is Wilson's interval
        of the share won where there are none. Sources: Fagerland, Lydersen and Laake 2013; Tango
        1998; Wilson 1927. Raises ValueError for more verdicts than rows.
        """
        judged = wins + ties + losses
        if judged > differing:
            raise ValueError(f"{judged} verdicts on {differing} rows")
        counted = round(identical * judged / differing) if differing else identical
        rows = judged + counted
        if not rows:
            return cls(wins, ties, losses, counted, None, None, None, None, None)
        low, high = ((1 + end) / 2 for end in difference_interval(losses, wins, rows))
        p = mcnemar(losses, wins)
        better = wins > losses if p < ALPHA else None
        rate = (wins + (ties + counted) / 2) / rows
        return cls(wins, ties, losses, counted, rate, low, high, p, better)
