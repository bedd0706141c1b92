"""What training commands print about failed writes and about being stopped. Imported by train and gan."""

from typing import Any

from minigrad.cli import console
from models.training.base import Loop


def complained(training: Loop[Any]) -> bool:
    """Whether a checkpoint could not be saved, which is reported once more."""
    if training.failed_saves:
        console.warn(f"{training.failed_saves} CHECKPOINTS COULD NOT BE SAVED: make room, then train with --resume")
    return training.failed_saves > 0


def unreported(error: OSError, resume: str) -> None:
    """Reports that the report could not be written, and how to get it."""
    console.warn(f"THE REPORT COULD NOT BE WRITTEN ({error}): make room, then {resume}")


def stopped(training: Loop[Any], resume: str) -> str:
    """A message that says where training was stopped, and how to continue."""
    saved = "saved" if training.saved else "WHICH COULD NOT BE SAVED"
    return f"stopped after step {training.place.step}, {saved}; go on: {resume}"
