"""Samples as cards of a page: picture, caption, verdict, true captions; with a choice of which ones to show."""

from collections import Counter
from collections.abc import Sequence

from viz.caption_sheet import Sample, alignment
from viz.markup import Html, element, escaped, joined
from viz.page import address_link, choice, image_element

_MOST_GROUPS = 4
"""The style sheet knows the classes group-0 to group-3; more labels are names of samples, not groups."""
_LONGEST = 360
"""Pixels of a photograph on a card: sixty of them stay well below 5 MB."""
_TICK = Html(
    '<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="8" fill="currentColor"/>'
    '<path d="M4.2 8.4 7 11l4.8-5.6" fill="none" stroke="var(--paper)" stroke-width="1.8"/></svg>'
)
_CROSS = Html(
    '<svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="3" fill="currentColor"/>'
    '<path d="m4.8 4.8 6.4 6.4m0-6.4-6.4 6.4" stroke="var(--paper)" stroke-width="1.8"/></svg>'
)


def caption_cards(samples: Sequence[Sample]) -> Html:
    """The samples as a list of cards, preceded by radio buttons that filter by verdict and by group."""
    groups = groups_of(samples)
    cards = [_card(sample, number, groups) for number, sample in enumerate(samples, 1)]
    return element("div", *_filters(samples, groups), element("ul", *cards, class_="cards"), class_="samples")


def groups_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """The labels in order of appearance, if they are groups: at least two, few, and shared by samples; else none."""
    counts = Counter(sample.label for sample in samples if sample.label)
    return tuple(counts) if 1 < len(counts) <= min(_MOST_GROUPS, len(samples) // 2) else ()


def _filters(samples: Sequence[Sample], groups: Sequence[str]) -> list[Html]:
    verdicts = Counter(sample.right for sample in samples)
    filters = []
    if verdicts[True] and verdicts[False]:
        options = {"right": f"Right {verdicts[True]}", "wrong": f"Wrong {verdicts[False]}"}
        filters.append(choice("verdict", "Captions", {"any": f"All {len(samples)}", **options}))
    if groups:
        options = {f"group-{number}": group for number, group in enumerate(groups)}
        filters.append(choice("group", "Group", {"every": "All", **options}))
    return filters


def _card(sample: Sample, number: int, groups: Sequence[str]) -> Html:
    classes = [
        "card",
        *_verdict_class(sample),
        *(f"group-{k}" for k, group in enumerate(groups) if group == sample.label),
    ]
    alt = f"Picture {number}: {sample.truths[0]}" if sample.truths else f"Picture {number}"
    image = image_element(sample.image, alt, _LONGEST) if sample.image is not None else ""
    texts = (_facts(sample), _caption(sample), _closest(sample), _truths(sample))
    return element("li", image, element("div", *texts, class_="text"), class_=" ".join(classes))


def _verdict_class(sample: Sample) -> list[str]:
    return [] if sample.right is None else ["right" if sample.right else "wrong"]


def _facts(sample: Sample) -> Html:
    """The verdict, as a sign and a word, and the label."""
    sign, word = (_TICK, "Right") if sample.right else (_CROSS, "Wrong")
    verdict = element("span", sign, word, class_=f"verdict {word.lower()}") if sample.right is not None else ""
    name = address_link(sample.label) or sample.label
    label = element("span", name, class_="group", dir="auto") if name else ""
    return element("p", verdict, label, class_="facts") if verdict or label else Html()


def _caption(sample: Sample) -> Html:
    """The caption; if it is wrong, words that the closest true caption lacks are marked."""
    text = _marked(sample.caption, sample.closest_truth) if sample.right is False else sample.caption
    return element("p", text or "(no words)", class_="caption", dir="auto")


def _closest(sample: Sample) -> Html:
    """The closest true caption, for a caption that is not known to be right."""
    if sample.right or not sample.truths:
        return Html()
    truth = sample.closest_truth
    text = _marked(truth, sample.caption) if sample.right is False else truth
    return element("p", "Closest true caption: ", element("span", text, dir="auto"), class_="truth")


def _truths(sample: Sample) -> Html:
    """All true captions, in an element that opens on a click."""
    if not sample.truths:
        return Html()
    count = len(sample.truths)
    title = element("summary", f"{count} true captions" if count > 1 else "The true caption")
    return element("details", title, element("ul", *(element("li", truth, dir="auto") for truth in sample.truths)))


def _marked(caption: str, other: str) -> Html:
    """A caption with those words marked that are missing, in this order, in the other one."""
    words = caption.split()
    parts = []
    for kind, start, end, _, _ in alignment(caption, other).get_opcodes():
        if start < end:
            run = " ".join(words[start:end])
            parts.append(escaped(run) if kind == "equal" else element("mark", run))
    return joined(parts, " ")
