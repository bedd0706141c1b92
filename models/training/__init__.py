"""Training captioners: settings, run folders, the loop, evaluation. Imports the engine, captioner and data; never viz.

training = Training(run, data.train, validate, warn=print)
for record in training.run():
    ...                        # {"step": 1, "loss": 4.2, "lr": 4e-05, ...}
"""

from models.training.evaluation import Validation
from models.training.log import Log, Record, Warn, read_log
from models.training.loop import Training
from models.training.run import EXTRACTOR, Run, Source
from models.training.settings import Settings

__all__ = [
    "EXTRACTOR",
    "Log",
    "Record",
    "Run",
    "Settings",
    "Source",
    "Training",
    "Validation",
    "Warn",
    "read_log",
]
