"""`ft judge`: votes on pairs of answers, by people on a local page or by a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ftcore.cli import options

if TYPE_CHECKING:
    from ftcore.judging.desk import Desk
    from ftcore.judging.pairs import Baseline, Contest

BASELINES = ("before", "few_shot")


@click.command("judge")
@options.run_argument
@click.argument("other", metavar="[RUN]", required=False, shell_complete=options.complete_runs)
@click.option("--by", type=click.Choice(["people", "model"]), default="people", show_default=True)
@click.option("--report", is_flag=True, help="Show what the votes come to, and write it down.")
@click.option(
    "--baseline",
    type=click.Choice(BASELINES),
    help="What `after` is compared with, for one run.  [default: before]",
)
@click.option("--rater", metavar="NAME", help="Who votes; the page asks otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of rows and sides.")
@click.option("--identical", is_flag=True, help="Also show rows whose answers are identical.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    help="Recipe whose [evaluation.judge] holds for `--by model`.  [default: the run's own]",
)
@options.set_option
@options.runs_option
@options.json_option
def command(
    run: str,
    other: str | None,
    by: str,
    report: bool,
    baseline: Baseline | None,
    rater: str | None,
    port: int,
    seed: int,
    identical: bool,
    open_page: bool,
    recipe: Path | None,
    overrides: tuple[str, ...],
    runs: Path | None,
    as_json: bool,
) -> None:
    """Vote on pairs of answers, or let a model vote.

    RUN is a run's id, the beginning of it, `last`, or its folder. One run: its answers before and
    after training. Two runs: their answers after training, on the test rows that both have. The
    page is served on this machine only, until Ctrl-C; nobody sees which answer is whose.
    """
    from ftcore.judging.contests import find_contest

    _check_options("report" if report else by)
    contest = find_contest(run, other, runs=runs, baseline=baseline)
    if report:
        _show_report(contest, as_json)
    elif by == "model":
        _ask_model(contest, run, runs, recipe, overrides, as_json)
    else:
        from ftcore.judging.desk import Desk

        desk = Desk(contest, rater=rater, seed=seed, identical=identical)
        _serve(desk, port, open_page, as_json)


def _check_options(mode: str) -> None:
    """Refuse an option that the chosen way of judging would ignore."""
    context = click.get_current_context()
    of_people = ("rater", "port", "seed", "identical", "open_page")
    foreign = {"report": (*of_people, "recipe", "overrides", "by"), "model": of_people}
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name in foreign.get(mode, ("recipe", "overrides")):
            what = {"report": "--report", "model": "--by model"}.get(mode, "votes of people")
            raise click.UsageError(f"{parameter.opts[0]} means nothing with {what}")


def _show_report(contest: Contest, as_json: bool) -> None:
    from ftcore.cli import output
    from ftcore.judging.report import JudgeReport

    report = JudgeReport.of(contest)
    contest.make_folder()
    places = report.write()
    if as_json:
        output.show_json({**report.to_json(), "report": [str(path) for path in places]})
        return
    if report.raters:
        output.show(report.grid())
    output.show_lines([*report.notes(), *places])


def _ask_model(
    contest: Contest,
    run: str,
    runs: Path | None,
    recipe: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    from ftcore.cli import output
    from ftcore.judging.model_judge import judge_of
    from ftcore.runs.listing import find_run, runs_root

    judge = judge_of(find_run(run, runs_root(runs)), recipe, overrides)
    judge.judge(contest, notify=output.notify(quiet=as_json))
    _show_report(contest, as_json)


def _serve(desk: Desk, port: int, open_page: bool, as_json: bool) -> None:
    """Serve the page until Ctrl-C, which is how a sitting ends; SIGTERM goes on to the caller."""
    from ftcore.cli import output
    from ftcore.cli.errors import Terminated
    from ftcore.judging.server import JudgeServer
    from ftcore.report.numbers import plural

    server = JudgeServer(desk, port=port)
    identical = len(desk.contest.pairs) - len(desk.pairs)
    try:
        if as_json:
            output.progress_line(json.dumps({"address": server.address}))
        else:
            skipped = f"; {identical} with identical answers count as ties" if identical else ""
            output.show_lines(
                [
                    f"{plural(len(desk.pairs), 'row')} to vote on{skipped}",
                    f"open {server.address}",
                    "this address is for this machine only; Ctrl-C ends it, every vote is kept",
                ]
            )
        if open_page:
            import webbrowser

            webbrowser.open(server.address)
        server.serve()
    except KeyboardInterrupt as stop:
        _say_goodbye(desk, as_json)
        if isinstance(stop, Terminated):
            raise
    finally:
        server.close()


def _say_goodbye(desk: Desk, as_json: bool) -> None:
    from ftcore.cli import output

    done = desk.progress()
    if as_json:
        raters = [asdict(progress) for progress in done]
        output.show_json({"votes": str(desk.file.path), "raters": raters})
        return
    lines = [f"{one.rater}: {one.votes} of {one.rows} rows voted on, {one.now} now" for one in done]
    kept = [f"votes: {desk.file.path}", "the same command with --report shows what they come to"]
    output.show_lines(["", *lines, *kept] if lines else ["", "no votes were given"])
