"""A trained network looked into, on one page. Run: python examples/seeing.py DATA [FOLDER]

DATA holds squeezenet1_1/ (weights and labels), photos/ with photos.json, and styles/. Writes FOLDER/index.html
(docs/gallery/seeing/ unless given) and each picture that was made beside it, and prints what was measured.
"""

import json
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from minigrad.op import Array
from models.data.imagenet import deprocess, framed, preprocess, read_labels
from models.data.images import Pixels, read_image, resize_shorter
from models.image_gradients import ImageGradient, probabilities, smooth_grad, strength
from models.image_synthesis import Inversion, class_visualization, feature_inversion, fooling_image
from models.squeezenet import SqueezeNet
from models.style_transfer import style_transfer, texture
from models.weights import load_weights
from viz.heat import difference, overlay
from viz.picture_report import Shown, loss_panel, write_picture_report

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery" / "seeing"
CLASSES = (130, 76, 187, 366, 683, 963)
"""Flamingo, tarantula, Yorkshire terrier, gorilla, oboe, pizza."""
PAINTINGS = ("the_scream", "starry_night", "composition_vii")
LAYERS = ("features.1", "features.3", "features.6", "features.9", "features.12")
SIDE, TARGETS = 256, 5


@dataclass(frozen=True)
class Gallery:
    """The data, and the folder in which the pictures are left."""

    data: Path
    folder: Path

    @cached_property
    def network(self) -> SqueezeNet:
        """SqueezeNet with its weights."""
        network = SqueezeNet()
        load_weights(network, self.data / "squeezenet1_1" / "squeezenet1_1.pth")
        return network

    @cached_property
    def gradient(self) -> ImageGradient:
        """Of its scores."""
        return ImageGradient(self.network)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The first names of the classes."""
        labels = read_labels(self.data / "squeezenet1_1" / "imagenet_labels.txt")
        return tuple(label.split(",")[0] for label in labels)

    @cached_property
    def photos(self) -> list[dict[str, Any]]:
        """What is known of each photograph, and its pixels as the network sees them."""
        known = json.loads((self.data / "photos" / "photos.json").read_text(encoding="utf-8"))
        return [{**photo, "pixels": framed(read_image(self.data / "photos" / photo["file"]))} for photo in known]

    def saved(self, name: str, x: Array) -> Pixels:
        """The picture of x, left in the folder and read back."""
        path = self.folder / f"{name}.png"
        Image.fromarray(deprocess(x)[0]).save(path)
        return read_image(path)

    def likely(self, image: Pixels) -> Array:
        """The probabilities of the classes."""
        return probabilities(self.gradient(preprocess(image), [0])[0])[0]


def recognised(gallery: Gallery) -> Shown:
    """The top class of each photograph, beside what torchvision says, over what it depends on."""
    views, facts = [], []
    for photo in gallery.photos:
        number, probability, _ = photo["squeezenet1_1_top3"][0]
        likely = gallery.likely(photo["pixels"])
        found = int(likely.argmax())
        slope = smooth_grad(gallery.gradient, preprocess(photo["pixels"]), found, samples=16)
        label, sure = gallery.labels[found], f"{100 * likely[found]:.2f} %"
        views += [
            (f"{label} {sure}", photo["pixels"]),
            ("where it looks", overlay(photo["pixels"], strength(slope)[0])),
        ]
        facts.append((photo["file"], f"{label} {sure}; by torchvision {100 * probability:.2f} %"))
        print(f"{photo['file']}: class {found} of {number}, off by {abs(likely[found] - probability):.5f}", flush=True)
    lead = "What the network sees in twelve photographs; bright is what that depends on, by SmoothGrad."
    return Shown("Recognised", lead, views, facts=facts, header=("photograph", "class and probability"))


def fooled(gallery: Gallery) -> Shown:
    """Each photograph taken for five other classes, as files."""
    rng, views, facts, worst = np.random.default_rng(0), [], [], 0
    for photo in gallery.photos:
        iterations, right = [], int(gallery.likely(photo["pixels"]).argmax())
        others = [int(k) for k in rng.permutation(len(gallery.labels)) if k != right][:TARGETS]
        for target in others:
            found = fooling_image(gallery.gradient, preprocess(photo["pixels"]), target)
            made = gallery.saved(f"{Path(photo['file']).stem}-as-{target}", found.x)
            if int(gallery.likely(made).argmax()) != target:
                raise SystemExit(f"{photo['file']} is not taken for {gallery.labels[target]}")
            iterations.append(found.iterations)
        worst = max(worst, *iterations)
        views += [
            (f"taken for: {gallery.labels[others[-1]]}", made),
            ("difference × 10", difference(photo["pixels"], made)),
        ]
        facts.append(
            (photo["file"], ", ".join(f"{gallery.labels[k]} {n}" for k, n in zip(others, iterations, strict=True)))
        )
        print(f"{photo['file']}: fooled after {iterations} steps", flush=True)
    lead = f"Twelve photographs, {TARGETS} other classes each, after at most {worst} steps."
    return Shown("Fooled", lead, views, facts=facts)


def visualised(gallery: Gallery) -> Shown:
    """Six classes."""
    views, facts = [], []
    for target in CLASSES:
        log: list[dict[str, float]] = []
        x = class_visualization(gallery.gradient, target, progress=lambda it, log=log: log.append(it.record))
        views.append((gallery.labels[target], gallery.saved(f"class-{target}", x)))
        first, last = log[0]["score"], log[-1]["score"]
        facts.append((gallery.labels[target], f"from {first:.1f} in the noise to {last:.1f}"))
        print(f"{gallery.labels[target]}: score {facts[-1][1]}", flush=True)
    lead = "What the network takes for six classes, sought from noise."
    return Shown("Classes", lead, views, facts=facts, header=("class", "score"))


def styled(gallery: Gallery) -> Shown:
    """One photograph in the style of three paintings, and a texture."""
    styles = gallery.data / "styles"
    content = resize_shorter(read_image(styles / "tubingen.jpg"), SIDE)
    views, panels, facts = [("content", content)], [], []
    for name in PAINTINGS:
        log: list[dict[str, float]] = []
        painting = preprocess(resize_shorter(read_image(styles / f"{name}.jpg"), SIDE))
        x = style_transfer(
            gallery.network, preprocess(content), painting, progress=lambda it, log=log: log.append(it.record)
        )
        views.append((name, gallery.saved(f"style-{name}", x)))
        panels.append(loss_panel(log, ("loss", "content", "style", "variation"), f"Loss, {name}"))
        facts.append((name, fallen(log)))
        print(f"{name}: {facts[-1][1]}", flush=True)
    views.append(("texture", gallery.saved("texture", texture(gallery.network, painting, (SIDE, SIDE)))))
    return Shown("Styles", "A photograph in the style of paintings, and a texture.", views, panels, facts)


def inverted(gallery: Gallery) -> Shown:
    """One photograph from the features of layers ever deeper."""
    photo = next(p["pixels"] for p in gallery.photos if p["squeezenet1_1_top3"][0][0] == 285)
    views, facts = [("original", photo)], []
    for layer in LAYERS:
        log: list[dict[str, float]] = []
        how = replace(Inversion(), layer=layer)
        x = feature_inversion(
            gallery.network, preprocess(photo), how, progress=lambda it, log=log: log.append(it.record)
        )
        views.append((layer, gallery.saved(f"inverted-{layer}", x)))
        facts.append((layer, fallen(log)))
        print(f"{layer}: {facts[-1][1]}", flush=True)
    return Shown("Inverted", "What layers ever deeper still know of a photograph.", views, facts=facts)


def fallen(log: list[dict[str, float]]) -> str:
    """How far a loss came down."""
    first, last = log[0]["loss"], log[-1]["loss"]
    return f"loss from {first:.3g} to {last:.3g}, down by {100 * (1 - last / first):.1f} %"


def write_gallery(data: Path, folder: Path) -> Path:
    """Makes all pictures; returns the page that shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    gallery = Gallery(data, folder)
    shown = [part(gallery) for part in (recognised, styled, visualised, fooled, inverted)]
    lead = "SqueezeNet 1.1, trained on ImageNet."
    return write_picture_report(
        folder / "index.html", kind="Gallery", title="What a network sees", shown=shown, lead=lead
    )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    print(write_gallery(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER))
