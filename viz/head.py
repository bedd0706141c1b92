"""The <head> of a self-contained page, and the files that come with this package. Imports `markup`."""

import base64
import hashlib
from importlib.resources import files

from viz.markup import Html, element


def head(title: str, script: str, style: str, remote_images: bool = False) -> Html:
    """The <head> of a page in which only our script may run, and which may load nothing, or only pictures."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    images = "data: http: https:" if remote_images else "data:"
    policy = f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("link", rel="icon", href="data:,"),
        element("style", Html(style)),
    )


def asset(name: str) -> str:
    """The text of a file that comes with this package."""
    return files("viz").joinpath("assets", name).read_text(encoding="utf-8")
