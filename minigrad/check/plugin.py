"""The `gradcheck` fixture of the pytest plugin: runs checks, collects errors by Op, leaves files on a failure."""

import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import display
from minigrad.check.gradcheck import gradcheck
from minigrad.check.localize import LocalErrors, localize
from minigrad.check.problem import generator, posed
from minigrad.check.report import Report
from minigrad.errors import CheckError
from minigrad.files import write_whole

FAST, FULL = 20, 1_000  # places of an array that are looked at


class Checker:
    """`gradcheck` for one test: its seed comes from the test's name, its thoroughness from the command line."""

    def __init__(self, test: str, full: bool, folder: Path, worst: dict[str, float]) -> None:
        self.test, self.full, self.folder, self.worst = test, full, folder, worst
        self.seed = zlib.crc32(test.encode())
        self.rng = np.random.default_rng(self.seed)

    def __call__(self, f: Callable[..., Any], inputs: Sequence[Any], **options: Any) -> Report:
        """As `minigrad.check.gradcheck`, and checks each Op by itself.

        On failure, report and picture are kept as files.
        """
        options = {"seed": self.seed, "places": FULL if self.full else FAST} | options
        orders = (1, 2) if self.full and "order" not in options else (options.pop("order", 1),)
        reports = [gradcheck(f, inputs, **options | {"order": order, "raises": False}) for order in orders]
        errors = localize(*posed(f, inputs, generator(self.seed)).outputs())
        self.remember(errors)
        wrong = [report for report in reports if not report.ok]
        if wrong or errors.wrong:
            text = "\n".join(map(str, [*wrong, errors]))
            raise CheckError(f"{text}\nkept in {', '.join(map(str, self.keep(text, errors)))}")
        return reports[0]

    def remember(self, errors: LocalErrors) -> None:
        """Keeps the worst error of each kind of Op."""
        for node, error in errors.items():
            op = type(node.op).__name__
            self.worst[op] = max(error, self.worst.get(op, 0.0))

    def keep(self, text: str, errors: LocalErrors) -> list[Path]:
        """Writes the report and, if a drawing package is installed, the graph coloured by its errors.

        Returns the paths.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w.-]+", "_", self.test)[-100:]
        files = {self.folder / f"{stem}.txt": text}
        picture = display.svg(list(errors)[-1], color=errors) if errors else None
        if picture is not None:
            files[self.folder / f"{stem}.svg"] = picture
        for path, content in files.items():
            write_whole(path, content)
        return list(files)
