"""Lets a model vote on every pair, twice: with either answer first."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ftcore.cache import cache_dir, write_json
from ftcore.errors import Problem, RecipeError
from ftcore.judging.desk import VOTES
from ftcore.judging.endpoint import Endpoint, api_key
from ftcore.judging.instructions import Verdict, instructions, read_verdict
from ftcore.judging.pairs import Contest, Pair
from ftcore.judging.sitting import Standing, standings
from ftcore.judging.votes import MODEL, TIE, Vote, VoteFile
from ftcore.recipe.loading import LoadedRecipe, load_recipe
from ftcore.runs.folder import RunFolder

Notify = Callable[[str], None]
NEEDED = ("endpoint", "model", "rubric")
_CACHE_VERSION = 1
_NOTICE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ModelJudge:
    """A model with its rubric; ``concurrency`` pairs are judged at a time."""

    endpoint: Endpoint
    rubric: str
    concurrency: int = 4

    @classmethod
    def of(cls, loaded: LoadedRecipe) -> ModelJudge:
        """Return the judge that `[evaluation.judge]` describes.

        Raises RecipeError for fields that are missing, InputError for a key that is not set.
        """
        judge = loaded.recipe.evaluation.judge
        endpoint, model, rubric = judge.endpoint, judge.model, judge.rubric
        if endpoint is None or model is None or rubric is None:
            missing = [name for name in NEEDED if getattr(judge, name) is None]
            problems = [
                Problem("is needed to judge by a model", field=f"evaluation.judge.{name}")
                for name in missing
            ]
            raise RecipeError(
                f"{loaded.path.name} says too little about the judge",
                hint="add [evaluation.judge] to the recipe, or give --set "
                + " --set ".join(f"evaluation.judge.{name}=..." for name in missing),
                code="judge.recipe",
                problems=[loaded.placed(problem) for problem in problems],
            )
        key = api_key(judge.api_key_env)
        return cls(Endpoint(endpoint, model, key, judge.timeout_seconds), rubric, judge.concurrency)

    @property
    def rater(self) -> str:
        """The name that the votes carry."""
        return MODEL + self.endpoint.model

    @property
    def digest(self) -> str:
        """A hash of all that decides what the model is asked."""
        told = [_CACHE_VERSION, self.endpoint.address, self.endpoint.model, self.rubric]
        return sha256(json.dumps(told).encode()).hexdigest()[:16]

    def judge(self, contest: Contest, *, notify: Notify) -> int:
        """Vote on every differing pair without a vote under these instructions; return how many.

        Votes are kept as they come, so that an interrupted judgement goes on where it stopped.
        Raises what `Endpoint.complete` raises, after the votes that there are.
        """
        file = VoteFile(contest.folder / VOTES)
        mine = [vote for vote in file.read()[0] if vote.rater == self.rater]
        known = [vote for vote in mine if vote.judge == self.digest]
        held = standings(known, contest.pairs).get(self.rater, Standing()).votes
        todo = [pair for pair in contest.differing if pair.row_id not in held]
        contest.make_folder()
        # Instructions of an earlier time, with others in between: their votes count again.
        if mine and mine[-1].judge != self.digest:
            for vote in held.values():
                file.append(vote)
        told, done = time.monotonic(), 0
        for vote in self._votes(contest, todo):
            file.append(vote)
            done += 1
            if time.monotonic() - told > _NOTICE_SECONDS:
                told = time.monotonic()
                notify(f"{self.rater}: {done} of {len(todo)} rows judged")
        return done

    def _votes(self, contest: Contest, pairs: Sequence[Pair]) -> Iterator[Vote]:
        """Yield votes as they come from threads that a stop does not wait for."""
        todo: queue.SimpleQueue[Pair] = queue.SimpleQueue()
        done: queue.SimpleQueue[Vote | BaseException] = queue.SimpleQueue()
        stop = threading.Event()
        for pair in pairs:
            todo.put(pair)

        def work() -> None:
            while not stop.is_set():
                try:
                    done.put(self._vote(contest, todo.get_nowait()))
                except queue.Empty:
                    return
                except BaseException as error:
                    done.put(error)
                    return

        for _ in range(min(self.concurrency, len(pairs))):
            threading.Thread(target=work, daemon=True).start()
        try:
            for _ in pairs:
                found = done.get()
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            stop.set()

    def _vote(self, contest: Contest, pair: Pair) -> Vote:
        """Return the model's vote: the winner when it wins in both orders, else a tie."""
        orders: list[str] = []
        for sides in ((0, 1), (1, 0)):
            verdict = self._verdict(pair, sides)
            if verdict is not None:
                names = [contest.names[side] for side in sides]
                orders.append(TIE if verdict == "tie" else names[int(verdict) - 1])
        where: dict[str, Any] = {"row_id": pair.row_id, "pair": pair.key, "judge": self.digest}
        if len(orders) < 2:
            return Vote(time.time(), self.rater, "unreadable", **where)
        winner = orders[0] if orders[0] == orders[1] else TIE
        both = (orders[0], orders[1])
        return Vote(time.time(), self.rater, "vote", winner=winner, orders=both, **where)

    def _verdict(self, pair: Pair, sides: tuple[int, int]) -> Verdict | None:
        """Return the verdict with the answers in this order, from the cache if it is there."""
        answers = (pair.answers[sides[0]], pair.answers[sides[1]])
        prompt = instructions(self.rubric, pair.prompt, pair.reference, answers)
        asked = json.dumps([self.digest, prompt]).encode()
        path = cache_dir("judgements") / f"{sha256(asked).hexdigest()}.json"
        reply = _cached(path)
        if reply is None:
            reply = self.endpoint.complete(prompt)
        verdict = read_verdict(reply)
        if verdict is not None and not path.exists():
            write_json(path, {"model": self.endpoint.model, "reply": reply}, sync=False)
        return verdict


def _cached(path: Path) -> str | None:
    """Return a kept reply; None where there is none, or it is damaged."""
    try:
        return str(json.loads(path.read_text("utf-8"))["reply"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def judge_of(run: RunFolder, recipe: Path | None, overrides: Sequence[str]) -> ModelJudge:
    """Return the judge of a recipe, or of the run's own recipe, with changes on top.

    Raises RecipeError, also for the recipe of a run that another version of ft wrote.
    """
    if recipe is not None:
        return ModelJudge.of(load_recipe(recipe, overrides=overrides))
    try:
        return ModelJudge.of(load_recipe(run.file("resolved.toml"), overrides=overrides))
    except RecipeError as error:
        error.hint = error.hint or "--recipe RECIPE takes [evaluation.judge] from another recipe"
        raise
