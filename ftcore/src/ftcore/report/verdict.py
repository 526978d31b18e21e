"""Says in one sentence what a run came to."""

from __future__ import annotations

from dataclasses import dataclass

from ftcore.report import numbers
from ftcore.report.collect import MainMetric, ReportData
from ftcore.report.tables import Difference, Score

_BASELINES = {"before": "before training", "few_shot": "untuned with examples in its prompt"}
_STATES = {
    "preparing": "The run has not begun its work yet; this report shows what is there so far.",
    "running": "The run is still going; this report shows what is there so far.",
    "interrupted": "The run was interrupted",
    "failed": "The run failed",
    "crashed": "The run crashed",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run that did not finish stands: one sentence, what to try, and the log's last lines."""

    sentence: str
    message: str
    hint: str
    log: str


def ending(data: ReportData) -> Ending | None:
    """Return how the run ended; None for one that finished."""
    state = data.manifest.state
    if state == "finished":
        return None
    error = data.manifest.error or {}
    sentence = _STATES[state]
    if state not in ("preparing", "running"):
        sentence += _where(data) + "."
    details = error.get("details") or {}
    return Ending(
        sentence,
        str(error.get("message") or ""),
        str(error.get("hint") or ""),
        "\n".join(details.get("log_tail") or ()),
    )


def verdict(data: ReportData) -> str:
    """Return the main metric before and after, the difference and what it means, as a sentence."""
    main = data.main
    if main is None:
        scored = data.metrics is not None
        if data.manifest.state == "finished" and not scored:
            return "Training finished; there are no test rows, so nothing was scored."
        return ""
    after = main.scores.get("after")
    if after is None:
        stage, score = next(iter(main.scores.items()))
        return f"{main.title} is {_value(score)} {_BASELINES[stage]}; training was not scored."
    for stage in ("before", "few_shot"):
        if stage in main.differences and stage in main.scores:
            return _compared(main, stage, after)
    return f"{main.title} is {_value(after)} after training{_rows(main, after.n)}."


def _compared(main: MainMetric, stage: str, after: Score) -> str:
    before, words = main.scores[stage], _in_words(main, main.differences[stage])
    sentence = (
        f"{main.title} went from {numbers.metric(before.value)} ({_BASELINES[stage]}) to "
        f"{numbers.metric(after.value)} (after){_rows(main, after.n)}: {words}"
    )
    other = main.scores.get("few_shot") if stage == "before" else None
    if other is not None:
        sentence += (
            f"; with examples in its prompt instead of training the model reaches "
            f"{numbers.metric(other.value)}"
        )
    return sentence + "."


def _in_words(main: MainMetric, difference: Difference) -> str:
    if difference.difference is None:
        return "the difference is undefined"
    judged = ""
    if difference.better is not None and not main.higher_is_better:
        judged = ", which is better" if difference.better else ", which is worse"
    noticed = ""
    if difference.better is None and difference.detectable:
        noticed = f"; a difference of {numbers.metric(difference.detectable)} would mostly show"
    return (
        f"{difference.words}{judged} ({numbers.signed(difference.difference)}, 95% interval "
        f"{numbers.signed_interval(difference.low, difference.high)}, paired{noticed})"
    )


def _where(data: ReportData) -> str:
    stage = data.manifest.stage
    if stage is None:
        return ""
    if stage == "train" and data.training and data.training.steps_done:
        done, planned = data.training.steps_done, data.training.steps_planned
        return f" in training, after {numbers.count(done)} of {numbers.plural(planned, 'step')}"
    names = {
        "before": "while the untuned model was evaluated",
        "few_shot": "while the untuned model was evaluated with examples",
        "train": "in training, before the first step was done",
        "after": "while the trained model was evaluated",
        "export": "while the result was exported",
    }
    return " " + names.get(stage, f"in stage {stage}")


def _value(score: Score) -> str:
    interval = numbers.interval(score.low, score.high)
    return numbers.metric(score.value) + (f" (95% interval {interval})" if interval else "")


def _rows(main: MainMetric, n: int) -> str:
    where = f" with {main.slice.replace('=', ' = ', 1)}" if main.slice else ""
    return f" on {numbers.plural(n, 'test row')}{where}"
