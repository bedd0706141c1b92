"""How much people's captions are like one another: what a captioner can hope for. Imports the scores."""

from collections.abc import Callable, Sequence

import numpy as np

from minigrad.errors import UsageError
from models.scores.captions import Caption, Captions
from models.scores.table import SCORES, scored


def unchanged(caption: Caption) -> Caption:
    """Nothing happens to it."""
    return caption


def leave_one_out(captions: Sequence[Captions], limit: Callable[[Caption], Caption] = unchanged) -> dict[str, float]:
    """Each image's first caption scored against its others, then its second, …: the means of the scores.

    There are as many rounds as the image with the fewest captions has; images with one caption are left out, UsageError
    where all have one. `limit` is done to what is scored, such as leaving out words that a captioner does not know.
    """
    several = [own for own in captions if len(own) > 1]
    if not several:
        raise UsageError("no image has two captions: people's agreement cannot be told")
    rounds = [
        scored([limit(own[i]) for own in several], [[*own[:i], *own[i + 1 :]] for own in several])
        for i in range(min(map(len, several)))
    ]
    return {name: float(np.mean([found[name] for found in rounds])) for name in SCORES}
