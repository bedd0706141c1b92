"""Layers as Modules: names and state of PyTorch's, running statistics in the state, and the two networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import layers
from minigrad.errors import IndexRangeError, ShapeError, UsageError
from minigrad.store import load, save
from models.squeezenet import SqueezeNet
from models.vgg import STAGES, VGG16

rng = np.random.default_rng(0)


def pictures(*shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def close(a: Any, b: Any, tolerance: float = 1e-5) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.abs(a - b).max() <= tolerance * max(np.abs(a).max(), np.abs(b).max()))


def small(seed: int = 0) -> layers.Sequential:
    """Every layer with a state."""
    draw = np.random.default_rng(seed)
    return layers.Sequential(
        layers.Conv2d(3, 4, 3, padding=1, rng=draw), layers.BatchNorm2d(4), layers.LeakyReLU(0.2), layers.AvgPool2d(2),
        layers.ConvTranspose2d(4, 2, 4, stride=2, padding=1, rng=draw), layers.Tanh(), layers.Flatten(),
        layers.Linear(128, 5, rng=draw), layers.BatchNorm1d(5), layers.LayerNorm(5),
    )  # fmt: skip


def peer(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.AvgPool2d(2),
        nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1), nn.Tanh(), nn.Flatten(),
        nn.Linear(128, 5), nn.BatchNorm1d(5), nn.LayerNorm(5),
    )  # fmt: skip


def test_a_state_dict_of_pytorch_fits_and_gives_its_numbers_in_training_and_evaluation(torch: Any) -> None:
    ours, theirs = small(), peer(torch)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    for training in (True, True, False):
        ours.train(training), theirs.train(training)
        x = pictures(4, 3, 8, 8)
        assert close(ours(mg.tensor(x)).numpy(), theirs(torch.tensor(x)).detach())
    state = theirs.state_dict()
    assert list(state) == list(ours.state_dict())
    assert all(close(a, state[path]) for path, a in ours.state_dict().items())


def test_initial_weights_are_uniform_within_one_over_root_fan_in_and_seeded() -> None:
    a, b, c = small(0).state_dict(), small(0).state_dict(), small(1).state_dict()
    assert all((a[k] == b[k]).all() for k in a) and (a["0.weight"] != c["0.weight"]).any()
    assert 0.95 < np.abs(a["7.weight"]).max() * 128**0.5 <= 1


def test_running_statistics_are_state_and_no_parameters(tmp_path: Path) -> None:
    net = small()
    assert not any("running" in path for path, _ in net.named_parameters())
    assert net[1].running_mean.name == "sequential.1.running_mean" and not net[1].running_mean.requires_grad
    net(mg.tensor(pictures(4, 3, 8, 8)))
    save(tmp_path / "net.safetensors", net.state_dict(), {})
    other = small(1)
    other.load_state_dict(load(tmp_path / "net.safetensors")[0])
    assert int(other[1].num_batches_tracked) == 1 and (other[1].running_var.numpy() != 1).any()
    x = mg.tensor(pictures(2, 3, 8, 8))
    np.testing.assert_array_equal(net.eval()(x).numpy(), other.eval()(x).numpy())
    with pytest.raises(UsageError, match="running_mean is a buffer"):
        net[1].running_mean = mg.tensor(np.zeros(4))


@pytest.mark.parametrize("workers", [1, 2])
def test_running_statistics_move_in_compiled_functions_as_they_do_eagerly(workers: int) -> None:
    eager, fast = small(), small()

    def twice(net: layers.Sequential, x: mg.Tensor) -> mg.Tensor:
        return net(x) + net(x * 2)  # the second sees what the first has assigned

    compiled = mg.compile(lambda x: twice(fast, x), workers=None if workers == 2 else 1)
    for training in (True, True, False):
        eager.train(training), fast.train(training)
        x = pictures(4, 3, 8, 8)
        assert close(compiled(x).numpy(), twice(eager, mg.tensor(x)).numpy())
    assert int(fast[1].num_batches_tracked) == 4
    for path, a in eager.state_dict().items():
        assert close(fast.state_dict()[path], a), path
    before = fast.state_dict()["1.running_mean"].copy()
    mg.trace(fast.train(), x)
    np.testing.assert_array_equal(fast.state_dict()["1.running_mean"], before)


def test_dropout_works_in_training_alone() -> None:
    drop, x = layers.Dropout(0.5, np.random.default_rng(0)), mg.tensor(np.ones((10, 10)))
    assert set(np.unique(drop(x).numpy())) == {0, 2}
    assert drop.eval()(x) is x


def test_a_sequential_is_asked_for_its_layers() -> None:
    net = small()
    assert len(net) == 10 and net[-1] is list(net)[9] and isinstance(net[0], layers.Conv2d)
    with pytest.raises(IndexRangeError, match="no layer 10"):
        net[10]
    with pytest.raises(ShapeError, match="BatchNorm2d"):
        net[1](mg.tensor(np.ones((2, 4))))


def squeezenet(torch: Any) -> Any:
    """torchvision's SqueezeNet 1.1, by its names."""
    nn = torch.nn

    class Fire(nn.Module):
        def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(inputs, squeezed, 1)
            self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
            self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

        def forward(self, x: Any) -> Any:
            x = self.squeeze(x).relu()
            return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], 1)

    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    net = nn.Module()
    net.features = nn.Sequential(
        nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool, Fire(64, 16, 64), Fire(128, 16, 64), pool, Fire(128, 32, 128),
        Fire(256, 32, 128), pool, Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
    )  # fmt: skip
    net.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)))
    return net.eval()


def test_squeezenet_is_torchvisions(torch: Any) -> None:
    torch.manual_seed(
        0
    )  # of 40 seeds six have elements so nearly equal that float32 of the two picks other largest ones
    ours, theirs = SqueezeNet(), squeezenet(torch)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = pictures(2, 3, 66, 75)
    a, b = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    scores, expected = ours(a), theirs.classifier(theirs.features(b)).flatten(1)
    assert close(scores.numpy(), expected.detach())
    (g,) = mg.grad(scores[:, :10].sum(), a)
    (h,) = torch.autograd.grad(expected[:, :10].sum(), b)
    assert close(g.numpy(), h, 1e-4)
    found = ours.activations(x, ["features.12", "features.1"])
    assert close(found[0].numpy(), theirs.features(b).detach()) and close(
        found[1].numpy(), theirs.features[:2](b).detach()
    )


def test_squeezenet_names_its_activations() -> None:
    net = SqueezeNet(num_classes=3)
    assert net(pictures(1, 3, 32, 32)).shape == (1, 3)
    with pytest.raises(UsageError, match=r"no activation 'features.13'.*features.12, classifier.0"):
        net.activations(pictures(1, 3, 32, 32), ["features.13"])
    with pytest.raises(ShapeError, match=r"SqueezeNet takes pictures \(N, 3, H, W\)"):
        net(pictures(1, 1, 32, 32))


def vgg16(torch: Any) -> Any:
    """torchvision's VGG-16, by its names."""
    nn, layers, inputs = torch.nn, [], 3
    for stage in STAGES:
        for outputs in stage:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2, 2))
    net = nn.Module()
    net.features = nn.Sequential(*layers)
    net.classifier = nn.Sequential(
        nn.Linear(25088, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 5),
    )
    return net.eval()


def test_vgg16_is_torchvisions(torch: Any) -> None:
    ours, theirs = VGG16(num_classes=5), vgg16(torch)
    with torch.no_grad():
        for path, leaf in theirs.named_parameters():  # memory shared with ours: 500 MB once are enough
            leaf.data = torch.from_numpy(ours.state_dict()[path])
        x = pictures(1, 3, 34, 65)
        features = torch.nn.functional.adaptive_avg_pool2d(theirs.features(torch.tensor(x)), 7).flatten(1)
        assert close(ours(x).numpy(), theirs.classifier(features), 1e-4)
        assert close(ours.fc7(x).numpy(), theirs.classifier[:5](features), 1e-4)
    assert list(theirs.state_dict()) == list(ours.state_dict())
