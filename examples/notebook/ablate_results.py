"""Loads the results of a study into Python. It needs the ablate program and the standard library.

    import ablate_results
    study = ablate_results.load("path/to/study", corpus="text.txt")
    study.trials()                # a row per trial: levels, metrics, key
    study.curves()                # a row per logged value
    study.contrasts("coupling")   # the numbers of an analysis

Rows are dictionaries; pandas.DataFrame(rows) makes a table of them. Nothing is trained.
"""

import json
import subprocess


class Error(Exception):
    """What ablate reported instead of results."""


class Study:
    """A study in a folder, with the values of its variables."""

    def __init__(self, folder, variables, program):
        self._folder = folder
        self._variables = variables
        self._program = program

    def trials(self):
        """One row per trial that has a result."""
        return self._rows("trials", "--format", "jsonl")

    def curves(self):
        """One row per value that a trial logged, with the trial's levels."""
        return self._rows("metrics", "--format", "jsonl")

    def contrasts(self, analysis):
        """The numbers of an analysis: gaps, main effects, interactions and declared contrasts."""
        rows = self._rows("contrasts", analysis, "--json")
        return [row for row in rows if row["type"] == "contrast"]

    def _rows(self, *arguments):
        command = [self._program, "export", *arguments, "--chdir", str(self._folder)]
        for name, value in self._variables.items():
            command += ["--var", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        # 3 says that some trials have no result yet; the others are printed.
        if done.returncode not in (0, 3):
            raise Error(_message(done))
        return _lines(done.stdout)


def _lines(text):
    # Not splitlines, which also splits at separators that JSON allows in strings.
    return [json.loads(line) for line in text.split("\n") if line]


def _message(done):
    if done.stderr.strip():
        return done.stderr.strip()
    events = _lines(done.stdout)
    return "\n".join(e["detail"] or e["summary"] for e in events if e["type"] == "diagnostic")


def load(folder=".", *, program="ablate", **variables):
    """Returns the study in a folder. Keyword arguments set its variables."""
    return Study(folder, variables, program)
