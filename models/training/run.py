"""A captioner's run folder: config.json, log.jsonl, checkpoints. Makes and opens it, builds the captioner.

Imports the store, the data and the captioner; `models.training` and the command line import it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from models.captioner import Captioner
from models.data.coco import CaptionData, Vocabulary, open_data
from models.data.projection import PROJECTION
from models.data.split import at_least_one
from models.training.folder import RunFolder, software
from models.training.log import Warn
from models.training.settings import Settings, restored

EXTRACTOR = "extractor.npz"
"""The file in a folder of scenes that turns a picture into features; a run on scenes keeps a copy."""


@dataclass(frozen=True)
class Source:
    """Where a run's data comes from: a folder in the course's schema, the features' name, and how much is used."""

    folder: str
    features: str | None = None
    """The NAME in train2014_NAME.h5; None for the best available."""
    scenes: bool = False
    """Whether the folder holds scenes, with pictures and a judge."""
    max_train: int | None = None
    replace_nonfinite: bool = False

    def open(self, counted: Mapping[str, int] | None = None) -> CaptionData:
        """The validated data. If `counted` is given (see `CaptionData.counted`), the features are not scanned again."""
        return open_data(
            Path(self.folder),
            self.features,
            max_train=self.max_train,
            replace_nonfinite=self.replace_nonfinite,
            counted=counted,
        )


@dataclass(frozen=True)
class Run(RunFolder):
    """What a run folder holds besides its checkpoints and its log."""

    command = "minigrad train"
    settings: Settings
    source: Source
    feature_dim: int
    vocabulary: Vocabulary
    software: Mapping[str, str]

    @classmethod
    def create(cls, folder: Path, settings: Settings, source: Source, data: CaptionData) -> "Run":
        """Makes the folder, with the files that turn pictures into features. Raises UsageError if it is not empty."""
        source = replace(source, features=data.feature_name)
        there = (Path(source.folder) / name for name in (EXTRACTOR, PROJECTION))
        run = cls(folder, settings, source, data.train.feature_dim, data.vocabulary, software())
        return run.make([path for path in there if path.is_file()])

    @classmethod
    def described(cls, folder: Path, config: Mapping[str, Any]) -> "Run":
        """The run described by what `config` returned."""
        return cls(
            folder,
            Settings.of(config["settings"]),
            restored(Source, config["source"]),
            at_least_one("feature_dim", config["feature_dim"]),
            Vocabulary(tuple(map(str, config["words"]))),
            dict(config["software"]),
        )

    def config(self) -> dict[str, Any]:
        """The content of config.json."""
        return {
            "settings": self.settings.as_dict(),
            "source": asdict(self.source),
            "feature_dim": self.feature_dim,
            "software": dict(self.software),
            "words": list(self.vocabulary.idx_to_word),
        }

    def build(self) -> Captioner:
        """The captioner before its first step."""
        s, words = self.settings, self.vocabulary
        deviation = 0.01 if s.embedding_deviation is None else s.embedding_deviation / sqrt(s.word_dim)
        return Captioner(
            s.cell,
            len(words),
            self.feature_dim,
            s.word_dim,
            s.hidden_dim,
            dtype=np.float32,
            seed=s.seed,
            embedding_deviation=deviation,
            forget_bias=s.forget_bias,
            null=words.null,
            start=words.start,
            end=words.end,
            unk=words.unk,
        )

    def trained(self, warn: Warn) -> Captioner:
        """The captioner in the state of the latest intact checkpoint."""
        captioner = self.build()
        self.load_latest({"captioner": captioner}, warn)
        return captioner
