"""The toy's model: prompts and answers as token ids, kept in a safetensors file."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

WEIGHTS = "adapter_model.safetensors"
IGNORED = -100


def sides(ids, labels):
    """Return the prompt before the first supervised token, and the supervised tokens."""
    first = next(place for place, label in enumerate(labels) if label != IGNORED)
    return tuple(ids[:first]), tuple(label for label in labels if label != IGNORED)


class Memory:
    """Answers by prompt; a prompt that was never seen gets the answer of the most similar one."""

    def __init__(self):
        self.answers = {}

    def learn(self, ids, labels):
        """Learn one row; return 1.0 if it was new or known differently, else 0.0."""
        prompt, answer = sides(ids, labels)
        wrong = self.answers.get(prompt) != answer
        self.answers[prompt] = answer
        return float(wrong)

    def lookup(self, prompt):
        """Return the answer, stop token included; () from an empty memory."""
        if prompt in self.answers or not self.answers:
            return self.answers.get(prompt, ())
        wanted = set(prompt)

        def likeness(known):
            return len(wanted & set(known)) / len(wanted | set(known))

        return self.answers[max(sorted(self.answers), key=likeness)]

    def save(self, folder):
        """Write the memory into ``folder``."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        columns = {"prompts": list(self.answers), "answers": list(self.answers.values())}
        tensors = {}
        for name, rows in columns.items():
            tensors[name] = np.array([token for row in rows for token in row], np.int32)
            tensors[f"{name}.lengths"] = np.array([len(row) for row in rows], np.int32)
        save_file(tensors, str(Path(folder) / WEIGHTS))

    @classmethod
    def load(cls, folder):
        """Read a memory; None is the untrained model."""
        memory = cls()
        if folder is not None:
            tensors = load_file(str(Path(folder) / WEIGHTS))
            prompts, answers = (_rows(tensors, name) for name in ("prompts", "answers"))
            memory.answers = dict(zip(prompts, answers, strict=True))
        return memory


def _rows(tensors, name):
    ends = np.cumsum(tensors[f"{name}.lengths"])
    parts = np.split(tensors[name], ends[:-1]) if len(ends) else []
    return [tuple(part.tolist()) for part in parts]
