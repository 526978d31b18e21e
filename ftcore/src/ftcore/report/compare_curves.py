"""The loss curves of all variants on one axis, and how far they are apart on a log axis."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ftcore.report.compare_data import ComparedVariant
from ftcore.report.curves import (
    COLOURS,
    STYLE,
    Points,
    arrays,
    moving_mean,
    smoothing_window,
    whole_steps,
)
from ftcore.report.numbers import plural

# Told apart by people who do not see all colours, and by their dashes (after Okabe and Ito 2008).
PALETTE: Mapping[str, str] = {
    "v0": "#0f6cb1",
    "v1": "#d1590e",
    "v2": "#0b8a67",
    "v3": "#b0568f",
    "v4": "#8a6d00",
    "v5": "#3f9fd6",
    "v6": "#6b5bb5",
    "v7": "#5f6b76",
}
CHART_COLOURS = {"ink": COLOURS["ink"], "grid": COLOURS["grid"], **PALETTE}
DASHES = ("-", "--", "-.", ":")
MOST = 16  # curves in one picture


def curves_svg(variants: Sequence[ComparedVariant]) -> str | None:
    """Return the picture as the text of an SVG file; None where no run has a loss.

    One line a variant, of its first seed; other seeds are thin lines of the same colour. Below, on
    a log axis, how far each variant is from the first one at every step, same seed.
    """
    drawn = [variant for variant in variants if variant.runs[0].loss][:MOST]
    if not drawn:
        return None
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.style import context

    apart = differences(drawn)
    visible = any(value > 0 for points in apart.values() for _, value in points)
    with context(["default", STYLE]):
        figure = Figure(figsize=(7.4, 5.4 if visible else 3.8), layout="constrained")
        FigureCanvasSVG(figure)
        mosaic = [["loss"], ["apart"]] if visible else [["loss"]]
        ratios = [3.0, 1.7][: len(mosaic)]
        axes = figure.subplot_mosaic(mosaic, height_ratios=ratios)  # type: ignore[arg-type]
        _draw_losses(axes["loss"], drawn)
        if visible:
            _draw_apart(axes["apart"], drawn, apart)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def differences(variants: Sequence[ComparedVariant]) -> dict[str, Points]:
    """Return by variant how far its loss is from the first variant's, at each step, same seed."""
    first, *others = variants
    found: dict[str, Points] = {}
    for variant in others:
        for run in variant.runs:
            same = [one for one in first.runs if one.manifest.seed == run.manifest.seed]
            if same:
                theirs = dict(same[0].loss)
                found[variant.name] = tuple(
                    (step, abs(value - theirs[step])) for step, value in run.loss if step in theirs
                )
                break
    return found


def curves_words(variants: Sequence[ComparedVariant]) -> str:
    """Say in words what the picture shows."""
    ends = [
        f"{variant.name} {variant.runs[0].loss[0][1]:.4g} to {variant.runs[0].loss[-1][1]:.4g}"
        for variant in variants
        if variant.runs[0].loss
    ]
    if not ends:
        return ""
    text = f"Training loss, nats per supervised token, first to last step: {'; '.join(ends)}."
    drawn = [variant for variant in variants if variant.runs[0].loss]
    for name, points in differences(drawn).items():
        steps = len(points)
        same = sum(value == 0 for _, value in points)
        if not steps:
            continue
        if same == steps:
            shown = f"equal to the bit at all {plural(steps, 'step')}"
        else:
            largest = max(value for _, value in points)
            shown = f"at most {largest:.2g} apart"
            shown += f", equal to the bit at {same} of {plural(steps, 'step')}" if same else ""
        text += f" {name} against {drawn[0].name}: {shown}."
    return text


def _look(place: int) -> dict[str, Any]:
    colours = list(PALETTE.values())
    dash = DASHES[place % len(DASHES)]
    return {"color": colours[place % len(colours)], "linestyle": dash}


def _draw_losses(axes: Any, variants: Sequence[ComparedVariant]) -> None:
    for place, variant in enumerate(variants):
        for number, run in enumerate(variant.runs):
            if not run.loss:
                continue
            steps, values = arrays(run.loss)
            window = smoothing_window(len(values))
            style = {**_look(place), "marker": "o" if len(steps) == 1 else None}
            if number == 0:
                style |= {"linewidth": 1.8, "label": variant.name, "zorder": 3}
            else:
                style |= {"linewidth": 0.7, "alpha": 0.55}
            shown = moving_mean(values, window) if window > 1 else values
            axes.plot(steps, shown, **style)
    axes.set_ylabel("loss (nats per token)")
    axes.set_xlabel("step")
    axes.legend(loc="upper right", ncols=1 if len(variants) <= 6 else 2)
    whole_steps(axes)


def _draw_apart(
    axes: Any, variants: Sequence[ComparedVariant], apart: Mapping[str, Points]
) -> None:
    for place, variant in enumerate(variants):
        # A log axis has no place for 0: steps that are equal to the bit are left out.
        points = [point for point in apart.get(variant.name, ()) if point[1] > 0]
        if points:
            steps, values = arrays(points)
            axes.plot(steps, values, linewidth=1.3, marker=".", markersize=3, **_look(place))
    axes.set_yscale("log")
    axes.set_title(f"distance from {variants[0].name} at each step, same seed (log axis)")
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:.0e}")
    whole_steps(axes)
