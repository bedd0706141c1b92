"""Networks on pictures whose activations have names. Imports the engine; SqueezeNet and VGG-16 derive from this."""

from collections.abc import Iterator, Sequence

from minigrad.context import scope
from minigrad.errors import ShapeError, UsageError
from minigrad.layers import Sequential
from minigrad.module import Module
from minigrad.op import Value


class ImageNetwork(Module):
    """Scores (N, num_classes) of pictures (N, 3, H, W), by the attributes named in `parts`, one after another.

    Activations of a Sequential are named `features.3`, those of any other layer by its attribute.
    """

    parts: tuple[str, ...]

    def forward(self, x: Value) -> Value:
        """The scores, unnormalised."""
        (scores,) = self.activations(x, [self.names()[-1]])
        return scores

    def names(self) -> list[str]:
        """The names of all activations, in order."""
        return [name for part in self.parts for name, _ in self._layers(part)]

    def activations(self, x: Value, names: Sequence[str]) -> list[Value]:
        """The outputs of the layers with these names, for pictures x (N, 3, H, W); later layers are not computed."""
        self.require(names)
        found: dict[str, Value] = {}
        for name, y in self._steps(x):
            found[name] = y
            if all(n in found for n in names):
                break
        return [found[name] for name in names]

    def require(self, names: Sequence[str]) -> None:
        """UsageError if there is no activation of one of these names."""
        for name in names:
            if name not in self.names():
                kind, known = type(self).__name__, ", ".join(self.names())
                raise UsageError(f"{kind} has no activation {name!r}: choose among {known}")

    def _steps(self, x: Value) -> Iterator[tuple[str, Value]]:
        """The names and values of all activations, in order."""
        if len(x.shape) != 4 or x.shape[1] != 3:
            raise ShapeError(f"{type(self).__name__} takes pictures (N, 3, H, W), not {x.shape}")
        for part in self.parts:
            for name, layer in self._layers(part):
                x = self._inside(part, layer, x)
                yield name, x

    def _layers(self, part: str) -> Iterator[tuple[str, Module]]:
        """The layers of a part, with their names."""
        module = getattr(self, part)
        if not isinstance(module, Sequential):
            yield part, module
            return
        yield from ((f"{part}.{number}", layer) for number, layer in enumerate(module))

    def _inside(self, part: str, layer: Module, x: Value) -> Value:
        """The output of a layer, computed in the scope of its part."""
        if layer is getattr(self, part):
            return layer(x)
        with scope(part):
            return layer(x)
