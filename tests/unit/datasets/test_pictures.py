import random
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lab.datasets import images
from lab.datasets.images import Picture, images_profile, look
from lab.domain.profiles import FileGroup

FORMATS = ["PNG", "JPEG", "GIF", "BMP", "WebP", "TIFF"]


def draw(path: Path, form: str, size: tuple[int, int] = (37, 21), **options: object) -> Path:
    noise = random.Random(1).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, noise).save(path, form.upper(), **options)
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_dimensions_are_pillows(tmp_path: Path, form: str) -> None:
    assert look(draw(tmp_path / "x", form)) == Picture(form, 37, 21)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 10}, {"lossless": True, "exact": True}])
def test_webp_of_all_sorts(tmp_path: Path, options: dict[str, object]) -> None:
    assert look(draw(tmp_path / "x", "WebP", **options)) == Picture("WebP", 37, 21)
    frames = [Image.new("RGBA", (40, 30), (shade, 0, 0, 99)) for shade in (0, 90)]
    frames[0].save(tmp_path / "moving", "WEBP", save_all=True, append_images=frames[1:])
    assert look(tmp_path / "moving") == Picture("WebP", 40, 30)


def test_jpeg_with_much_before_its_dimensions(tmp_path: Path) -> None:
    path = draw(tmp_path / "x", "JPEG", progressive=True, icc_profile=bytes(150_000), comment=b"c" * 5000)
    assert look(path) == Picture("JPEG", 37, 21)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WebP"])
def test_cut_off_pictures_are_broken(tmp_path: Path, form: str) -> None:
    whole = draw(tmp_path / "x", form, (200, 150)).read_bytes()
    for share in (0.0, 0.001, 0.01, 0.5):
        (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
        assert look(tmp_path / "cut") is None
    (tmp_path / "padded").write_bytes(whole + bytes(100))
    assert look(tmp_path / "padded") == Picture(form, 200, 150)


def test_what_cannot_be_read_is_broken(tmp_path: Path) -> None:
    assert look(tmp_path / "none") is None
    assert look(tmp_path) is None
    (tmp_path / "zero").write_bytes(b"GIF89a" + struct.pack("<HH", 0, 5) + b";")
    assert look(tmp_path / "zero") is None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4))
def test_damaged_pictures_raise_nothing(tmp_path: Path, form: str, damage: list[tuple[int, bytes]]) -> None:
    sound = tmp_path / form
    if not sound.exists():
        draw(sound, form)
    content = bytearray(sound.read_bytes())
    for at, junk in damage:
        content[at : at + len(junk)] = junk
    (tmp_path / "damaged").write_bytes(content)
    found = look(tmp_path / "damaged")
    assert found is None or (found.width > 0 and found.height > 0)


def test_a_folder_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [(f"{number}.png", draw(tmp_path / f"{number}", "PNG", (10 + number, 5))) for number in range(4)]
    files.append(("disguised.png", draw(tmp_path / "j", "JPEG", (10, 5))))
    (tmp_path / "b").write_bytes(b"no picture")
    files.append(("\x1b[2Jbroken.jpg", tmp_path / "b"))
    sizes = [path.stat().st_size for _, path in files]
    found = images_profile(files, sizes)
    assert found.count == 6
    assert found.formats == (FileGroup("PNG", 4, sum(sizes[:4])), FileGroup("JPEG", 1, sizes[4]))
    assert found.dimensions[0] == (10, 5, 2)
    assert (found.broken_count, found.broken) == (1, ("\x1b[2Jbroken.jpg",))
    assert (found.widths[3], found.heights[3]) == (11, 5)
    monkeypatch.setattr(images, "OPENED_MAX", 2)
    assert sum(group.count for group in images_profile(files, sizes).formats) == 2
    assert images_profile([], []).count == 0
