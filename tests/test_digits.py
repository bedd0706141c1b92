"""Drawn digits, the classifier that learns them, and the scores in its eyes."""

import numpy as np
import pytest

from minigrad.errors import DataError, ShapeError, UsageError
from models.data.drawn_digits import GLYPHS, draw_digits, smooth, squares_to_segment
from models.digit_classifier import DigitClassifier, Judged, train_classifier
from models.gan_scores import Gaussian, frechet_distance, recognised, square_root

rng = np.random.default_rng(0)


def test_the_same_digits_are_drawn_for_the_same_seed_and_others_for_another() -> None:
    first, again, other = draw_digits("test", 3, 50), draw_digits("test", 3, 50), draw_digits("test", 4, 50)
    assert np.array_equal(first.images, again.images) and np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, other.images)
    assert not np.array_equal(first.images, draw_digits("train", 3, 50).images)
    assert np.bincount(first.labels).tolist() == [5] * 10


def test_drawn_digits_look_like_mnist_in_numbers() -> None:
    images = draw_digits("train", 0, 400).images / 255
    assert 0.08 < images.mean() < 0.18  # MNIST: 0.131
    ys, xs = (np.tensordot(images, axis, 2) / images.sum((1, 2)) for axis in np.mgrid[:28, :28].astype(float))
    assert abs(ys.mean() - 13.5) < 1.5 and abs(xs.mean() - 13.5) < 1.5
    assert images[:, [0, -1]].mean() < 0.01 and images[:, :, [0, -1]].mean() < 0.01
    assert (images.max((1, 2)) > 0.6).all()


def test_curves_go_through_their_points() -> None:
    for glyph in (glyph for glyphs in GLYPHS for glyph in glyphs):
        for curve in glyph.curves:
            matrix = smooth(curve, len(glyph.points))
            assert np.allclose(matrix.sum(axis=1), 1)
            assert np.allclose(matrix[:: (len(matrix) - 1) // (len(curve) - 1)], np.eye(len(glyph.points))[list(curve)])


def test_the_distance_to_a_segment_is_that_to_its_nearest_point() -> None:
    a, b = rng.uniform(0, 28, (2, 3, 2)).astype(np.float32)
    points = a + np.linspace(0, 1, 2001)[:, None, None] * (b - a)  # (2001, 3, 2)
    for y, x in ((0, 0), (13, 7), (27, 20)):
        nearest = ((points - [x + 0.5, y + 0.5]) ** 2).sum(-1).min(0)
        assert np.allclose(squares_to_segment(a, b)[:, y, x], nearest, atol=1e-3)


def test_no_digits_are_refused() -> None:
    with pytest.raises(UsageError, match="0 digits"):
        draw_digits("train", 0, 0)


def test_the_classifier_learns_drawn_digits_and_is_the_same_again() -> None:
    digits, held_out = draw_digits("train", 0, 1_500), draw_digits("test", 0, 300)
    told: list[tuple[int, int]] = []
    classifier = train_classifier(digits, epochs=4, progress=lambda done, total: told.append((done, total)))
    assert classifier.accuracy(held_out) > 0.85 and told[-1] == (48, 48)
    judged = classifier.judge(held_out.rows())
    assert judged.features.shape == (300, 128) and np.allclose(judged.probabilities.sum(axis=1), 1, atol=1e-5)
    few = draw_digits("train", 0, 130)
    one, two = train_classifier(few, 1).state_dict(), train_classifier(few, 1).state_dict()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert np.isclose(DigitClassifier().accuracy(held_out), 0.1, atol=0.15)


def test_the_frechet_distance_is_known_where_covariances_are_diagonal() -> None:
    (m, n), (a, b) = rng.normal(size=(2, 6)), rng.uniform(0.1, 3, (2, 6))
    expected = ((m - n) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(Gaussian(m, np.diag(a)), Gaussian(n, np.diag(b))) == pytest.approx(expected, rel=1e-12)


def test_the_frechet_distance_is_that_by_the_eigenvalues_of_the_product() -> None:
    a, b = (Gaussian.of(rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5))) for _ in range(2))
    trace = np.sqrt(np.linalg.eigvals(a.covariance @ b.covariance).astype(complex)).sum().real
    expected = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance) + np.trace(b.covariance) - 2 * trace
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-10)
    assert abs(frechet_distance(a, a)) < 1e-10
    assert np.allclose(square_root(a.covariance) @ square_root(a.covariance), a.covariance)


def test_dead_features_leave_the_distance_finite() -> None:
    features = rng.normal(size=(9, 4)) * [1, 0, 2, 0]
    assert abs(frechet_distance(Gaussian.of(features), Gaussian.of(features))) < 1e-7


def test_what_has_no_distance_is_refused() -> None:
    with pytest.raises(DataError, match="no covariance"):
        Gaussian.of(np.array([[1.0, np.nan], [0.0, 1.0]]))
    with pytest.raises(ShapeError, match="2 and 3 features"):
        frechet_distance(Gaussian.of(rng.normal(size=(5, 2))), Gaussian.of(rng.normal(size=(5, 3))))


def test_only_confident_samples_count_as_recognised() -> None:
    probabilities = np.full((4, 3), 0.02)
    probabilities[[0, 1, 2], [0, 0, 2]] = 0.96
    probabilities[3] = 0.34
    found = recognised(Judged(np.zeros((4, 1)), probabilities))
    assert found == {"confident": 0.75, "of_each_class": [2, 0, 1], "classes": 2}
