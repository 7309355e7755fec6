"""What is wrong with a config file, in one sentence."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UserError


class ConfigError(UserError):
    """A config file cannot be used: names file, key, problem and remedy.

    Attributes:
        file: the file, as it was named.
        key: dotted path, e.g. `policies.copy.classes[0].mask`; empty where the whole file is meant.
        problem: what is wrong, as the end of a sentence.
        remedy: what to do about it.
    """

    def __init__(self, file: str | Path, key: str, problem: str, remedy: str) -> None:
        self.file = str(file)
        self.key = key
        self.problem = problem
        self.remedy = remedy
        where = f"{file}: {key}" if key else str(file)
        super().__init__(f"{where} {problem}; {remedy}")
