"""The curves of training: read from the events, drawn as one SVG picture."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ftcore.report.numbers import plural

Points = tuple[tuple[int, float], ...]

# The colours of the file; a page may put its own in their place (`themed`).
COLOURS = {
    "ink": "#24292f",
    "grid": "#d8dee5",
    "train": "#2a6fb0",
    "raw": "#8fb6dc",
    "validation": "#c2570c",
    "rate": "#3f7d4e",
    "norm": "#7b57a6",
}
SMOOTH_FROM = 40  # steps; fewer are shown as they are


@dataclass(frozen=True, slots=True)
class Curves:
    """(step, value) by step: losses in nats per supervised token, learning rate, gradient norm.

    ``gaps`` counts values that were not finite, which the curves leave out.
    """

    loss: Points
    validation_loss: Points
    learning_rate: Points
    grad_norm: Points
    gaps: int

    @classmethod
    def from_events(cls, events: Iterable[Mapping[str, Any]]) -> Curves | None:
        """Return the curves of the metric events; None where there is no loss.

        A step that was done again after a resume counts as it was done last.
        """
        found: dict[str, dict[int, float]] = {name: {} for name in _SERIES}
        gaps: dict[tuple[str, int], bool] = {}
        for event in events:
            if event["type"] != "metric" or "step" not in event["data"]:
                continue
            step = int(event["data"]["step"])
            for name in _SERIES:
                if name not in event["data"]:
                    continue
                value = event["data"][name]
                if value is not None:
                    found[name][step] = float(value)
                gaps[name, step] = value is None and name in event["data"].get("not_finite", ())
        series = {name: tuple(sorted(points.items())) for name, points in found.items()}
        if not series["loss"] and not series["validation_loss"]:
            return None
        return cls(**series, gaps=sum(gaps.values()))

    def svg(self) -> str:
        """Return the picture as the text of an SVG file on white."""
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
        from matplotlib.style import context

        with context(["default", STYLE]):
            figure = Figure(figsize=(7.4, 4.5), layout="constrained")
            FigureCanvasSVG(figure)
            panels = [name for name in ("rate", "norm") if self._small(name)]
            mosaic = [["loss"] * max(len(panels), 1), *([panels] if panels else [])]
            ratios = [3.0, 1.15][: len(mosaic)]
            axes = figure.subplot_mosaic(mosaic, height_ratios=ratios)  # type: ignore[arg-type]
            self._draw_loss(axes["loss"])
            for name in panels:
                _draw_small(axes[name], name, self._small(name))
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    def summary(self) -> str:
        """Return in one sentence what the picture shows, for those who cannot see it."""
        parts = [
            f"{name} from {points[0][1]:.3g} at step {points[0][0]} to {points[-1][1]:.3g} "
            f"at step {points[-1][0]}"
            for name, points in (
                ("training loss", self.loss),
                ("validation loss", self.validation_loss),
            )
            if points
        ]
        return "; ".join(parts)

    def gaps_note(self) -> str:
        """Say how many values are missing from the picture; empty where none is."""
        if not self.gaps:
            return ""
        verb = "was not finite and is" if self.gaps == 1 else "were not finite and are"
        return f"{plural(self.gaps, 'value')} {verb} left out."

    def _small(self, name: str) -> Points:
        return self.learning_rate if name == "rate" else self.grad_norm

    def _draw_loss(self, axes: Any) -> None:
        if self.loss:
            steps, values = arrays(self.loss)
            window = smoothing_window(len(values))
            if window > 1:
                axes.plot(steps, values, color=COLOURS["raw"], linewidth=0.8, label="each step")
                values = moving_mean(values, window)
            label = "training loss" + (f", mean of {window} steps" if window > 1 else "")
            marker = "o" if len(steps) == 1 else None
            axes.plot(
                steps, values, color=COLOURS["train"], linewidth=1.8, marker=marker, label=label
            )
        if self.validation_loss:
            steps, values = arrays(self.validation_loss)
            style = {"color": COLOURS["validation"], "linewidth": 1.6, "label": "validation loss"}
            axes.plot(steps, values, marker="o", markersize=4, **style)
        axes.set_ylabel("loss (nats per token)")
        axes.set_xlabel("step")
        axes.legend(loc="upper right")
        whole_steps(axes)


def smoothing_window(steps: int) -> int:
    """Return over how many steps the training loss is averaged: odd, about a thirtieth of all."""
    return 1 if steps < SMOOTH_FROM else 2 * (steps // 60) + 3


def moving_mean(values: Any, window: int) -> Any:
    """Return the centred moving mean; at the ends over the steps that are there."""
    kernel = np.ones(window)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")


def themed(svg: str, label: str, colours: Mapping[str, str] | None = None) -> str:
    """Return the picture as an element for a page: colours become ``var(--chart-NAME)``.

    Declarations, metadata and the fixed size are left out.
    """
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for name, colour in (COLOURS if colours is None else colours).items():
        svg = svg.replace(colour, f"var(--chart-{name})")
    svg = re.sub(r'(<svg [^>]*?)\swidth="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg [^>]*?)\sheight="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"fill: #ffffff", "fill: none", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{_attribute(label)}" ', 1)


_SERIES = ("loss", "validation_loss", "learning_rate", "grad_norm")
STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": COLOURS["grid"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.titlecolor": COLOURS["ink"],
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["ink"],
    "ytick.color": COLOURS["ink"],
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    # Texts stay texts, and the same curves give the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "ft",
}


def _draw_small(axes: Any, name: str, points: Points) -> None:
    steps, values = arrays(points)
    marker = "o" if len(steps) == 1 else None
    axes.plot(steps, values, color=COLOURS[name], linewidth=1.2, marker=marker, markersize=3)
    axes.set_title("learning rate" if name == "rate" else "gradient norm")
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    axes.locator_params(axis="y", nbins=3)
    axes.set_ylim(bottom=0)
    whole_steps(axes)


def whole_steps(axes: Any) -> None:
    """Have the step axis show whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))


def arrays(points: Sequence[tuple[int, float]]) -> tuple[Any, Any]:
    """Return the steps and the values of a curve."""
    steps, values = zip(*points, strict=True)
    return np.array(steps), np.array(values, dtype=np.float64)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
