"""Pictures made to fit: smaller, upright, bare; and what is no picture."""

from __future__ import annotations

import asyncio
import os
import signal
from io import BytesIO
from random import Random
from typing import Any

import pytest
from PIL import Image

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.image_process import MOST_JPEG_PIXELS, MOST_PIXELS
from budstikke.flow.resize_images import File, ImageResizer, Limits, _Turns

ORIENTATION, GPS = 0x0112, 0x8825


def fitted(files: list[File], room: int, limits: Limits | None = None) -> list[File]:
    async def story() -> list[File]:
        resizer = ImageResizer(1, limits)
        try:
            return [*await resizer.fit(files, room)]
        finally:
            resizer.close()

    return asyncio.run(story())


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Make a picture that no format makes small."""
    octets = Random(1).randbytes(width * height * len(mode))  # noqa: S311 - a picture
    return Image.frombytes(mode, (width, height), octets)


def written(picture: Image.Image, kind: str, **how: Any) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def opened(file: File) -> Image.Image:
    return Image.open(BytesIO(file.data))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA"),
     ("WEBP", "RGB"), ("GIF", "L")],
)  # fmt: skip
def test_a_large_picture_becomes_smaller(kind: str, mode: str) -> None:
    data = written(noise(900, 600, mode), kind)
    assert len(data) > 60_000
    (file,) = fitted([File("sol.x", f"image/{kind.lower()}", data)], 60_000)
    assert 30_000 < len(file.data) <= 60_000
    assert ("sol.jpg", "image/jpeg") == (file.name, file.type)
    width, height = opened(file).size
    assert abs(width / height - 1.5) < 0.02
    assert "RGB" == opened(file).mode


def test_a_picture_stands_upright_and_says_nothing_else() -> None:
    picture = Image.new("RGB", (400, 200), (255, 0, 0))
    picture.paste((0, 0, 255), (200, 0, 400, 200))  # red left, blue right
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned clockwise: red at the top
    exif[GPS] = {1: "N", 2: (59.0, 54.0, 0.0)}
    data = written(picture, "JPEG", exif=exif, comment=b"secret", quality=95)
    (file,) = fitted([File("a.jpeg", "image/jpeg", data)], 300_000)
    shown = opened(file)
    assert (200, 400) == shown.size
    top, bottom = shown.getpixel((100, 50)), shown.getpixel((100, 350))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > bottom[0]
    assert {} == dict(shown.getexif())
    assert "comment" not in shown.info
    assert b"secret" not in file.data
    assert "a.jpeg" == file.name


def test_a_drawing_stays_a_drawing() -> None:
    drawing = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    drawing.paste((255, 0, 0, 255), (10, 10, 100, 100))
    data = written(drawing, "PNG", pnginfo=None)
    (file,) = fitted([File("logo.gif", "image/png", data)], 20_000)
    assert ("logo.png", "image/png") == (file.name, file.type)
    assert "RGBA" == opened(file).mode


def test_what_was_clear_becomes_white() -> None:
    drawing = noise(500, 500, "RGBA")
    drawing.paste((0, 0, 0, 0), (0, 0, 250, 500))
    data = written(drawing, "PNG")
    (file,) = fitted([File("logo", "image/png", data)], 100_000)
    assert "image/jpeg" == file.type
    shown = opened(file).getpixel((20, 50))
    assert isinstance(shown, tuple)
    assert min(shown) > 240


def test_a_moving_picture_moves_if_it_fits() -> None:
    frames = [noise(200, 200, "L"), noise(200, 200, "L").rotate(90)]
    data = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    moving = File("a.gif", "image/gif", data)
    assert [moving] == fitted([moving], len(data))
    (still,) = fitted([moving], len(data) // 4)
    assert "image/jpeg" == still.type


def test_room_is_shared_and_small_ones_leave_theirs() -> None:
    small = written(Image.new("RGB", (50, 50)), "JPEG")
    large = written(noise(900, 600), "JPEG")
    files = [
        File("1", "image/jpeg", large),
        File("2", "image/jpeg", small),
        File("3", "audio/amr", bytes(10_000)),
        File("4", "image/jpeg", large),
    ]
    found = fitted(files, 110_000)
    assert ["1", "2", "3", "4"] == [file.name for file in found]
    assert files[2] is found[2]
    sizes = [len(file.data) for file in found]
    assert sum(sizes) <= 110_000
    assert min(sizes[0], sizes[3]) > 30_000


@pytest.mark.parametrize(
    ("files", "room", "code"),
    [
        ([File("a", "image/jpeg", b"\xff\xd8\xff junk")], 1000, RefusalCode.BAD_FIELD),
        ([File("a", "image/png", b"")], 1000, RefusalCode.BAD_FIELD),
        ([File("a", "audio/amr", bytes(1001))], 1000, RefusalCode.TOO_LARGE),
        ([File("a", "image/bmp", bytes(1001))], 1000, RefusalCode.TOO_LARGE),
    ],
)
def test_what_cannot_be_fitted(files: list[File], room: int, code: RefusalCode) -> None:
    with pytest.raises(Refusal) as caught:
        fitted(files, room)
    assert code is caught.value.code


def test_a_picture_is_read_as_what_it_is_said_to_be() -> None:
    """Else a customer could choose among all of Pillow's readers."""
    tiff = written(Image.new("RGB", (10, 10)), "TIFF")
    with pytest.raises(Refusal):
        fitted([File("a", "image/png", tiff)], 1000)


def test_pictures_that_never_fit() -> None:
    data = written(noise(900, 600), "JPEG")
    with pytest.raises(Refusal) as caught:
        fitted([File("a", "image/jpeg", data)], 500)
    assert RefusalCode.TOO_LARGE is caught.value.code


def test_a_bomb_is_not_unpacked() -> None:
    side = int(MOST_PIXELS**0.5) + 10
    bomb = written(Image.new("1", (side, side)), "PNG")
    assert len(bomb) < 20_000
    with pytest.raises(Refusal) as caught:
        fitted([File("a", "image/png", bomb)], 300_000)
    assert RefusalCode.TOO_LARGE is caught.value.code


def test_a_truncated_picture_is_refused() -> None:
    data = written(noise(300, 300), "PNG")
    with pytest.raises(Refusal) as caught:
        fitted([File("a", "image/png", data[: len(data) // 2])], 300_000)
    assert RefusalCode.BAD_FIELD is caught.value.code


@pytest.mark.parametrize(
    ("side", "how"),
    [
        (int(MOST_JPEG_PIXELS**0.5) + 10, {}),
        (int(MOST_PIXELS**0.5) + 10, {"progressive": True}),
    ],
)
def test_a_jpeg_that_would_fill_the_memory_is_not_unpacked(
    side: int, how: dict[str, Any]
) -> None:
    """A progressive one is kept whole while it is unpacked, however small it gets."""
    bomb = written(Image.new("L", (side, side)), "JPEG", **how)
    limits = Limits(memory=200 * 1024 * 1024, cpu=3)
    with pytest.raises(Refusal) as caught:
        fitted([File("a", "image/jpeg", bomb)], 300_000, limits)
    assert RefusalCode.TOO_LARGE is caught.value.code


def test_a_photo_of_many_pixels_is_unpacked_at_a_fraction_of_its_size() -> None:
    data = written(Image.new("L", (8000, 6000), 90), "JPEG")
    limits = Limits(memory=120 * 1024 * 1024)
    (file,) = fitted([File("a.jpg", "image/jpeg", data)], 300_000, limits)
    assert (1600, 1200) == opened(file).size


HARD = written(noise(1600, 1600), "PNG")


async def test_what_takes_too_much_memory_is_refused_and_the_next_is_not() -> None:
    resizer = ImageResizer(1, Limits(memory=64 * 1024 * 1024))
    large = written(Image.new("RGB", (4000, 4000)), "PNG")
    with pytest.raises(Refusal) as caught:
        await resizer.fit([File("a", "image/png", large)], 300_000)
    assert RefusalCode.TOO_LARGE is caught.value.code
    small = written(Image.new("RGB", (40, 40)), "PNG")
    (file,) = await resizer.fit([File("a", "image/png", small)], 300_000)
    assert (40, 40) == opened(file).size
    resizer.close()


@pytest.mark.parametrize(
    "limits", [Limits(picture=0.05), Limits(order=0.05), Limits(cpu=-1)]
)
def test_what_takes_too_long_is_refused(limits: Limits) -> None:
    with pytest.raises(Refusal) as caught:
        fitted([File("a", "image/png", HARD)] * 2, 30_000, limits)
    assert RefusalCode.TOO_LARGE is caught.value.code


def test_an_order_does_not_wait_for_ever() -> None:
    with pytest.raises(Refusal) as caught:
        fitted([File("a", "image/png", HARD)], 30_000, Limits(waiting=0.05))
    assert RefusalCode.TOO_MANY_REQUESTS is caught.value.code


async def until_busy(resizer: ImageResizer) -> int:
    """Wait until a process has been asked; gives its id."""
    while not resizer.processes():  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.001)
    (process,) = resizer.processes()
    return process


async def test_a_process_that_is_killed_is_replaced() -> None:
    resizer = ImageResizer(1)
    file = File("a.png", "image/png", HARD)
    fitting = asyncio.ensure_future(resizer.fit([file], 30_000))
    os.kill(await until_busy(resizer), signal.SIGKILL)
    (first,) = await fitting
    assert len(first.data) <= 30_000
    os.kill(await until_busy(resizer), signal.SIGKILL)  # while it has nothing to do
    assert (first,) == await resizer.fit([file], 30_000)
    resizer.close()
    with pytest.raises(Refusal) as caught:
        await resizer.fit([file], 30_000)
    assert RefusalCode.INTERNAL is caught.value.code


async def test_a_picture_that_breaks_every_process_is_refused() -> None:
    resizer = ImageResizer(1)
    file = File("a.png", "image/png", HARD)
    fitting = asyncio.ensure_future(resizer.fit([file], 30_000))
    killed: set[int] = set()
    while not fitting.done():
        for process in set(resizer.processes()) - killed:
            os.kill(process, signal.SIGKILL)
            killed.add(process)
        await asyncio.sleep(0.001)
    with pytest.raises(Refusal) as caught:
        fitting.result()
    assert RefusalCode.BAD_FIELD is caught.value.code
    assert 2 == len(killed)
    resizer.close()


async def test_an_order_that_is_given_up_leaves_its_place() -> None:
    resizer = ImageResizer(1)
    file = File("a.png", "image/png", HARD)
    first = asyncio.ensure_future(resizer.fit([file], 30_000, 1))
    waiting = asyncio.ensure_future(resizer.fit([file], 30_000, 2))
    await until_busy(resizer)
    waiting.cancel()
    first.cancel()
    (fitted_now,) = await resizer.fit([file], 30_000, 3)
    assert len(fitted_now.data) <= 30_000
    resizer.close()


async def test_a_turn_that_is_given_up_when_it_comes_is_anothers() -> None:
    async def waits(turns: _Turns) -> None:
        async with turns.one(2):
            pass

    turns = _Turns(1)
    async with turns.one(1):
        task = asyncio.ensure_future(waits(turns))
        await asyncio.sleep(0)
    task.cancel()  # it has the turn, and does not know it yet
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5), turns.one(3):
        pass


async def test_one_account_leaves_the_second_process_to_others() -> None:
    resizer = ImageResizer(2)
    file = File("a.png", "image/png", written(noise(300, 300), "PNG"))
    await asyncio.gather(*(resizer.fit([file], 20_000, 1) for _ in range(4)))
    assert 1 == len(resizer.processes())
    await asyncio.gather(*(resizer.fit([file], 20_000, n) for n in (1, 2)))
    assert 2 == len(resizer.processes())
    resizer.close()


def test_many_pictures_of_one_account_do_not_hold_up_anothers() -> None:
    async def story() -> list[str]:
        resizer = ImageResizer(2)
        done: list[str] = []
        small = File("a.png", "image/png", written(noise(300, 300), "PNG"))

        async def order(name: str, pictures: int, account: int) -> None:
            await resizer.fit([small] * pictures, 20_000 * pictures, account)
            done.append(name)

        many = [order(f"many{number}", 8, 1) for number in range(3)]
        await asyncio.gather(*many, order("one", 1, 2), order("two", 1, 3))
        resizer.close()
        return done

    assert {"one", "two"} == set(asyncio.run(story())[:2])


def test_the_loop_goes_on_while_pictures_are_fitted() -> None:
    data = HARD

    async def story() -> int:
        resizer = ImageResizer()
        done = asyncio.ensure_future(
            resizer.fit([File("a.png", "image/png", data)], 50_000)
        )
        turns = 0
        while not done.done():
            await asyncio.sleep(0.001)
            turns += 1
        (file,) = done.result()
        assert len(file.data) <= 50_000
        resizer.close()
        return turns

    assert asyncio.run(story()) > 5
