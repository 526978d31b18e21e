"""Everything that can go wrong in a worker, one class each; ``FT_TOY`` chooses."""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ft_toy.memory import WEIGHTS
from ft_toy.worker import ToyEvaluator, ToyTrainer
from ftcore.backends import Prediction
from ftcore.errors import ReceiptMismatch

SLEEPER = "import time; time.sleep(600)"


class KilledBySignal(ToyTrainer):
    def end_step(self, done, losses):
        super().end_step(done, losses)
        os.kill(os.getpid(), signal.SIGKILL)


class CallsExit(ToyTrainer):
    def end_step(self, done, losses):
        sys.exit(3)


class LeavesAtOnce(ToyTrainer):
    def end_step(self, done, losses):
        os._exit(3)


class PrintsGarbage(ToyTrainer):
    def end_step(self, done, losses):
        os.write(1, b"\xff\xfe\x00 no text {\n" * 100)
        sys.stdout.write("\N{SNOWMAN} progress: 50%\r")
        super().end_step(done, losses)


class Raises(ToyTrainer):
    def end_step(self, done, losses):
        raise ValueError("the engine broke: \udce9")


class RaisesExpected(ToyTrainer):
    def end_step(self, done, losses):
        raise ReceiptMismatch("a micro-batch without a loss", hint="a hint", code="receipts.odd")


class OutOfMemory(ToyTrainer):
    def end_step(self, done, losses):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")


class OutOfMemoryOnCpu(ToyTrainer):
    def end_step(self, done, losses):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 20 GiB")


class OtherLabels(ToyTrainer):
    """Trains on the whole row, as engines like to, and says so honestly."""

    def micro_batch(self, step, micro, rank, rows):
        return super().micro_batch(step, micro, rank, [(ids, ids) for ids, _ in rows])


class OtherValidationRows(ToyTrainer):
    """Measures its loss on whole rows, prompts included."""

    def validation_rows(self):
        return [(ids, ids) for ids, _ in super().validation_rows()]


class FewerValidationRows(ToyTrainer):
    def validation_rows(self):
        return super().validation_rows()[:2]


class SkipsMicroBatch(ToyTrainer):
    def micro_batch(self, step, micro, rank, rows):
        if (step, micro) == (1, 0):
            return [0.0]
        return super().micro_batch(step, micro, rank, rows)


class SkipsLastMicroBatch(ToyTrainer):
    def micro_batch(self, step, micro, rank, rows):
        if step + 1 == self.job.settings.steps:
            return [0.0]
        return super().micro_batch(step, micro, rank, rows)


class StopsEarly(ToyTrainer):
    def is_over(self):
        return self.done == 2


class OtherRate(ToyTrainer):
    def effective(self):
        found = super().effective()
        found["recipe_fields"]["train.learning_rate"] *= 2
        del found["recipe_fields"]["train.beta2"]
        return found


class NoEffective(ToyTrainer):
    def effective(self):
        return ["nothing"]


class NoAdapter(ToyTrainer):
    def train(self, stage):
        outcome = super().train(stage)
        # Nothing may be evaluated with it either, so the later stages are left out.
        del self.job.stages[self.job.stages.index(stage) + 1 :]
        (outcome.adapter / WEIGHTS).unlink()
        return outcome


class LeavesOutStages(ToyTrainer):
    def train(self, stage):
        del self.job.stages[self.job.stages.index(stage) + 1 :]
        return super().train(stage)


class HalfAdapter(ToyTrainer):
    """The adapter is cut off when all else is done."""

    def train(self, stage):
        outcome = super().train(stage)
        path = outcome.adapter / WEIGHTS
        atexit.register(lambda: path.write_bytes(path.read_bytes()[:-20]))
        return outcome


class HalfResult(ToyTrainer):
    def train(self, stage):
        path = Path(self.job.folder) / "result.json"
        atexit.register(lambda: path.write_text(path.read_text()[:40]))
        return super().train(stage)


class NoResult(ToyTrainer):
    def train(self, stage):
        atexit.register((Path(self.job.folder) / "result.json").unlink)
        return super().train(stage)


class FailsAfterResult(ToyTrainer):
    def train(self, stage):
        atexit.register(os._exit, 9)
        return super().train(stage)


class _WritesLine(ToyTrainer):
    line = ""

    def end_step(self, done, losses):
        super().end_step(done, losses)
        with (Path(self.job.folder) / "events.jsonl").open("a") as file:
            file.write(self.line + "\n")
        time.sleep(60)


class UnknownEvent(_WritesLine):
    line = json.dumps(
        {
            "version": 1,
            "sequence": 99,
            "time": 0.0,
            "type": "surprise",
            "stage": "train",
            "rank": 0,
            "data": {},
        }
    )


class EventIsNotJson(_WritesLine):
    line = "step 1: loss 0.5"


class EventWithNan(_WritesLine):
    line = (
        '{"version": 1, "sequence": 99, "time": 0.0, "type": "metric", "stage": "train", '
        '"rank": 0, "data": {"loss": NaN}}'
    )


class Slow(ToyTrainer):
    seconds_per_step = 0.2


class StopsItself(ToyTrainer):
    """As when the system asks the worker alone to end."""

    def end_step(self, done, losses):
        os.kill(os.getpid(), signal.SIGTERM)
        super().end_step(done, losses)


class IgnoresRequest(ToyTrainer):
    """Does not look at the request to stop, but SIGTERM ends it."""

    def end_step(self, done, losses):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.context.emit("progress", done=done, total=self.job.settings.steps, unit="steps")
        time.sleep(600)


class IgnoresEverything(ToyTrainer):
    """Only SIGKILL ends it."""

    def end_step(self, done, losses):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.context.emit("progress", done=done, total=self.job.settings.steps, unit="steps")
        time.sleep(600)


class HasGrandchild(IgnoresEverything):
    """Has started a process in a session of its own."""

    def train(self, stage):
        child = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
        (Path(self.job.folder) / "grandchild").write_text(str(child.pid))
        return super().train(stage)


class LeavesGrandchild(ToyTrainer):
    """Dies before the process that it has started."""

    def train(self, stage):
        child = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=True)
        (Path(self.job.folder) / "grandchild").write_text(str(child.pid))
        os.kill(os.getpid(), signal.SIGKILL)


class TellsEnvironment(ToyTrainer):
    def train(self, stage):
        facts = {"environment": dict(os.environ), "path": sys.path, "cwd": str(Path.cwd())}
        facts["home"] = str(Path.home())
        Path("left-in-cwd.txt").write_text("an engine that writes where it stands")
        (Path.home() / "left-at-home.txt").write_text("an engine that writes at home")
        (Path(self.job.folder) / "worker-facts.json").write_text(json.dumps(facts))
        return super().train(stage)


class HalfAnswers(ToyEvaluator):
    def generate(self, stage, requests, decoding):
        yield from list(super().generate(stage, requests, decoding))[:-1]


class SameAnswers(ToyEvaluator):
    """Answers the first request again and again: the number fits, the rows do not."""

    def generate(self, stage, requests, decoding):
        yield from super().generate(stage, [requests[0]] * len(requests), decoding)


class StrangeAnswers(ToyEvaluator):
    """Answers with tokens that split lines in the eyes of Python."""

    def generate(self, stage, requests, decoding):
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(Path(self.job.model.folder) / "tokenizer.json"))
        ids = tuple(tokenizer.encode("a\u2028b\u0085c\x0cd", add_special_tokens=False).ids)
        for request in requests:
            yield Prediction(request.row_id, ids, "length")
