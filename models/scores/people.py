"""How similar people's captions are to one another: what a captioner can hope for. Imports the scores."""

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.errors import UsageError
from models.scores.captions import Caption, Captions
from models.scores.table import SCORES, scored


def unchanged(caption: Caption) -> Caption:
    """The caption as it is."""
    return caption


def leave_one_out(captions: Sequence[Captions], limit: Callable[[Caption], Caption] = unchanged) -> dict[str, float]:
    """Scores each image's first caption against its others, then its second, and so on; returns the mean scores.

    There are as many rounds as the image with the fewest captions has. Images with a single caption are left out;
    UsageError if none remains. `limit` is applied to the caption that is scored, for example to remove words that a
    captioner does not know.
    """
    several = [own for own in captions if len(own) > 1]
    if not several:
        raise UsageError("no image has two captions: people's agreement cannot be told")
    rounds = [
        scored([limit(own[i]) for own in several], [[*own[:i], *own[i + 1 :]] for own in several])
        for i in range(min(map(len, several)))
    ]
    return {name: float(np.mean([found[name] for found in rounds])) for name in SCORES}
