"""Pictures of every kind as pixels, hostile ones refused; sizes as torchvision has them; classes by name."""

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigrad.errors import DataError, MissingFileError, ShapeError, UsageError
from models.data.imagenet import class_number, deprocess, framed, preprocess, read_labels
from models.data.images import center_crop, read_image, resize_shorter

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def written(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def read(path: Path) -> tuple[np.ndarray, list[str]]:
    """The pixels, and what was told of them."""
    told: list[str] = []
    return read_image(path, told.append), told


def test_pictures_in_colour_are_what_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    found, told = read(written(tmp_path / "colour.png", Image.fromarray(pixels)))
    np.testing.assert_array_equal(found, pixels)
    assert told == []


def test_grey_of_16_bits_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    grey = np.array([[0, 256, 32768, 65535]], np.uint16)
    for ending in ("png", "tiff"):
        found, told = read(written(tmp_path / f"grey.{ending}", Image.fromarray(grey)))
        assert found[0, :, 1].tolist() == [0, 1, 128, 255] and told == ["16 bits of grey scaled to 8"]


def deep(path: Path, kind: int, colours: int) -> Path:
    """A PNG of one pixel with 16 bits a colour, the first 0x12ff and then 0xfe00."""
    pixel = struct.pack(">4H", 0x12FF, 0xFE00, 0xFFFF, 0xFFFF)[: 2 * colours]
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", 1, 1, 16, kind, 0, 0, 0),
        b"IDAT": zlib.compress(b"\0" + pixel),
        b"IEND": b"",
    }
    chunks = (struct.pack(">I", len(c)) + t + c + struct.pack(">I", zlib.crc32(t + c)) for t, c in parts.items())
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def test_colours_of_16_bits_are_reduced_and_that_is_said(tmp_path: Path) -> None:
    ppm = tmp_path / "deep.ppm"
    ppm.write_bytes(b"P6 1 1 65535\n" + struct.pack(">3H", 0x12FF, 0xFE00, 0xFFFF))
    for path in (deep(tmp_path / "rgb.png", 2, 3), deep(tmp_path / "rgba.png", 6, 4), ppm):
        found, told = read(path)
        np.testing.assert_allclose(found[0, 0], [0x12, 0xFE, 0xFF], atol=1)
        assert told == ["16 bits of each colour reduced to 8"], path
    (tmp_path / "plain.ppm").write_bytes(b"P6 1 1 255\n\1\2\3")
    assert read(tmp_path / "plain.ppm")[1] == []


def test_numbers_without_a_range_are_refused(tmp_path: Path) -> None:
    for numbers in (np.full((1, 1), 0.5, np.float32), np.full((1, 1), 10**6, np.int32)):
        with pytest.raises(DataError, match=r"\.tiff?: a picture .* no range that is agreed on"):
            read_image(written(tmp_path / "numbers.tiff", Image.fromarray(numbers)))


def test_cmyk_is_converted_and_that_is_said(tmp_path: Path) -> None:
    found, told = read(written(tmp_path / "print.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100))
    np.testing.assert_allclose(found[4, 4], RED, atol=4)
    assert told == ["CMYK taken as red, green and blue without its colour profile"]


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (2, 1), (*RED, 255))
    clear.putpixel((1, 0), (*BLUE, 0))
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putpixel((1, 0), 1)
    files = {
        "rgba": written(tmp_path / "rgba.png", clear),
        "palette": written(tmp_path / "palette.png", palette, transparency=1),
        "colour key": written(tmp_path / "key.png", palette.convert("RGB"), transparency=BLUE),
        "grey": written(tmp_path / "grey.png", clear.convert("LA")),
    }
    for kind, path in files.items():
        found, told = read(path)
        assert found[0, 1].tolist() == list(WHITE) and told == ["transparent: laid on white"], kind
        assert kind == "grey" or found[0, 0].tolist() == list(RED)


def test_opaque_alpha_is_nothing_to_tell(tmp_path: Path) -> None:
    assert read(written(tmp_path / "opaque.png", Image.new("RGBA", (2, 2), (*RED, 255))))[1] == []


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE, WHITE)]
    for ending in ("gif", "png", "webp"):
        path = tmp_path / f"moving.{ending}"
        found, told = read(
            written(path, frames[0], save_all=True, append_images=frames[1:], duration=99, lossless=True)
        )
        assert found[2, 2].tolist() == list(RED), ending
        assert told == ["animated: the first of 3 frames is taken"]


def test_cameras_that_were_held_on_their_side(tmp_path: Path) -> None:
    picture = Image.new("RGB", (2, 1), RED)
    picture.putpixel((1, 0), BLUE)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    found, told = read(written(tmp_path / "turned.png", picture, exif=exif))
    assert found.shape == (2, 1, 3) and found[0, 0].tolist() == list(RED)
    assert told == ["turned as its EXIF orientation says"]
    exif[0x0112] = 9  # which is none
    assert read(written(tmp_path / "straight.png", picture, exif=exif))[1] == []


def test_postscript_is_not_run(tmp_path: Path) -> None:
    path = written(tmp_path / "program.png", Image.new("RGB", (8, 8)), format="EPS")
    with pytest.raises(DataError, match=r"program\.png is PostScript, a program, and is not run"):
        read_image(path)


def png(width: int, height: int) -> bytes:
    """A PNG of which only the header is there."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return start + struct.pack(">I", 100) + b"IDAT"


@pytest.mark.parametrize("side", [12_000, 30_000, 2**31 - 1])
def test_a_header_of_a_huge_picture_is_refused_unread(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png(side, side))
    with pytest.raises(DataError, match=r"bomb\.png claims"):
        read_image(tmp_path / "bomb.png")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for ending in ("jpg", "png", "gif", "bmp", "webp", "tiff"):
        buffer = io.BytesIO()
        noise.save(buffer, "JPEG" if ending == "jpg" else ending.upper())
        for share in (0.02, 0.5, 0.9):
            path = tmp_path / f"cut.{ending}"
            path.write_bytes(buffer.getvalue()[: int(share * len(buffer.getvalue()))])
            with pytest.raises(DataError, match=rf"cut\.{ending} is not a picture that can be read"):
                read_image(path)
    for name, content in {"page.png": b"<html>", "empty.png": b"", "header.png": png(8, 8)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="is not a picture that can be read"):
            read_image(tmp_path / name)
    with pytest.raises(MissingFileError, match="there is no picture at"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(DataError, match="is a folder"):
        read_image(tmp_path)
    (tmp_path / "round.png").symlink_to("round.png")
    for name in ("round.png", "long" * 999, "nul\0", "half \ud83d"):
        with pytest.raises(DataError, match="cannot be opened"):
            read_image(tmp_path / name)


def test_flipped_bytes_of_a_picture_never_crash(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "flipped"
    picture = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
    for form in ("JPEG", "PNG", "GIF", "TIFF"):
        buffer = io.BytesIO()
        picture.save(buffer, form)
        for _ in range(100):
            content = bytearray(buffer.getvalue())
            content[rng.integers(len(content))] ^= 1 << rng.integers(8)
            path.write_bytes(content)
            try:
                assert read_image(path).ndim == 3
            except DataError as error:
                assert "flipped" in str(error)


@pytest.mark.parametrize(("height", "width"), [(461, 640), (640, 426), (256, 300), (257, 256), (31, 1000), (224, 225)])
def test_sizes_are_those_of_torchvision(height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    short, long = min(height, width), max(height, width)
    wanted = (256, int(256 * long / short))
    assert resize_shorter(image, 256).shape[:2] == (wanted if height <= width else wanted[::-1])


def test_the_crop_is_where_torchvision_has_it() -> None:
    image = np.arange(256 * 301, dtype=np.int64).reshape(256, 301, 1).repeat(3, 2)
    assert center_crop(image, 224)[0, 0, 0] == 16 * 301 + 38  # round(38.5): to the even number
    with pytest.raises(ShapeError, match="cannot be cut out"):
        center_crop(image, 257)


def test_a_picture_of_the_networks_size_is_taken_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    assert framed(image) is image
    assert framed(image[:100]).shape == (224, 224, 3)
    with pytest.raises(DataError, match="too narrow"):
        framed(np.zeros((1, 30_000, 3), np.uint8))


def test_preprocessing_goes_there_and_back() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), np.uint8)
    x = preprocess(images)
    assert x.shape == (2, 3, 5, 6) and x.dtype == np.float32
    np.testing.assert_allclose(x[1, 2, 3, 4], (images[1, 3, 4, 2] / 255 - 0.406) / 0.225, rtol=1e-5)
    np.testing.assert_array_equal(deprocess(x), images)
    assert deprocess(np.full((1, 3, 1, 1), 9, np.float32)).tolist() == [[[[255, 255, 255]]]]
    with pytest.raises(ShapeError, match="uint8"):
        preprocess(images / 255)


LABELS = ("tench, Tinca tinca", "crane", "pizza, pizza pie", "Egyptian cat", "crane", "tiger cat")


def test_classes_by_number_or_name() -> None:
    assert class_number("3", LABELS, 6) == class_number("egyptian", LABELS, 6) == 3
    assert class_number("pizza pie", LABELS, 6) == 2
    for text, match in {
        "6": "classes are 0 to 5", "crane": r"1 \(crane\), 4 \(crane\): give the number", "cat": "Egyptian cat",
        "piza": "did you mean pizza", "-1": "there is no class", "9" * 5000: "classes are 0 to 5",
    }.items():  # fmt: skip
        with pytest.raises(UsageError, match=match):
            class_number(text, LABELS, 6)
    with pytest.raises(UsageError, match="names of the classes are not here"):
        class_number("pizza", (), 6)


def test_labels_as_editors_write_them(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("\ufefftench\r\nhen \r\n\r\n".encode())
    assert read_labels(tmp_path / "labels.txt") == ("tench", "hen")


@pytest.mark.fault(number=1)
def test_labels_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    for content, match in {b"a\n\nb\n": "line 2 is empty", b"": "line 1 is empty", b"\xff\xfe": "as text"}.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=match):
            read_labels(path)
    with pytest.raises(MissingFileError, match="minigrad weights fetch labels"):
        read_labels(tmp_path / "absent.txt")


def test_real_labels_and_photographs(real_data: Path) -> None:
    labels = read_labels(real_data / "squeezenet1_1" / "imagenet_labels.txt")
    photos = json.loads((real_data / "photos" / "photos.json").read_text(encoding="utf-8"))
    assert len(labels) == 1000
    for photo in photos[:3]:
        number, _, name = photo["squeezenet1_1_top3"][0]
        assert labels[number] == name and class_number(name.split(",")[0], labels, 1000) == number
        assert framed(read_image(real_data / "photos" / photo["file"])).shape == (224, 224, 3)
