"""Pictures of the page, all inside the file: samples over training as film strips, evaluate's pictures."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np

from gaudi.page.figures import number
from gaudi.report import SAMPLE_NAME

FRAMES = 6             # of a sample's history
MOST_STRIPS = 12
MOST_JUDGED = 40
SAMPLE_SIDE, JUDGED_SIDE = 900, 1600   # pixels of the longer side; larger pictures are scaled down
SMALL_FILE = 60_000    # bytes; such a file is taken as it is


def film_strips(folder: Path, epoch_at) -> str:
    """For each name in samples/ its first, its last and evenly spread pictures between; `epoch_at(step)` dates them."""
    strips: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(folder.glob("*.png")):
        match = SAMPLE_NAME.fullmatch(path.name)
        if match:
            strips.setdefault(match["name"], []).append((int(match["step"]), path))
    parts = [strip(name, sorted(frames), epoch_at) for name, frames in list(strips.items())[:MOST_STRIPS]]
    left = len(strips) - MOST_STRIPS
    return "".join(parts) + (f'<p class="note">{left} more kinds of pictures are in samples/.</p>' if left > 0 else "")


def strip(name: str, frames: list[tuple[int, Path]], epoch_at) -> str:
    """One name's pictures, oldest first."""
    chosen = [frames[index] for index in sorted(set(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)))]
    figures, shapes = [], []
    for step, path in chosen:
        source, width, height = embed(path, SAMPLE_SIDE)
        when = f"epoch {number(epoch_at(step))}, step {number(step)}"
        shapes.append((width, height))
        figures.append(picture(source, f"{name} at {when}", when))
    tall = strip_height(*shapes[-1], len(chosen))
    return (f'<h3>{escape(name.replace("-", " ").replace("_", " "))}</h3>'
            f'<div class="film" style="--tall:{tall}px">{"".join(figures)}</div>')


def strip_height(width: int, height: int, count: int, room: int = 1184, gap: int = 12) -> int:
    """The height at which `count` pictures of that shape fill one row, or two where they would be tiny."""
    if not width or not height:
        return 200
    for rows in (1, 2, 3):
        columns = -(-count // rows)
        tall = (room - gap * (columns - 1)) / columns * height / width
        if tall >= 170 or rows == 3 or columns == 1:
            break
    return int(min(tall, 460, 2 * height))


def judged(folder: Path) -> str:
    """Every picture that evaluate drew."""
    paths = sorted(folder.glob("*.png"))
    parts = []
    for path in paths[:MOST_JUDGED]:
        source, width, height = embed(path, JUDGED_SIDE)
        kind = ' class="broad"' if width > 900 and width > 1.6 * height else ""
        parts.append(picture(source, path.stem, path.stem.replace("_", " "), kind))
    left = len(paths) - MOST_JUDGED
    more = f'<p class="note">{left} more pictures are in pictures/.</p>' if left > 0 else ""
    return f'<div class="judged">{"".join(parts)}</div>{more}' if parts else ""


def picture(source: str, alternative: str, caption: str, kind: str = "") -> str:
    """A <figure>, or the reason why there is none."""
    image = f'<img src="{source}" alt="{escape(alternative, quote=True)}">' if source else "<p>cannot be read</p>"
    return f"<figure{kind}>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def embed(path: Path, longest: int) -> tuple[str, int, int]:
    """The picture as a data: address with its width and height; ("", 0, 0) where the file is no picture."""
    from PIL import Image

    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content)) as image:
            image.load()
            if max(image.size) > longest or len(content) > SMALL_FILE:
                image, content = shrink(image, longest, content)
            size = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # PIL's ways to say: no picture
        return "", 0, 0
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii"), *size


def shrink(image, longest: int, content: bytes):
    """The picture and its PNG, at most `longest` pixels a side, and gray where it has no colour."""
    from PIL import Image

    image = image.convert("RGB")
    pixels = np.asarray(image)
    if (pixels[..., :1] == pixels).all():
        image = image.convert("L")
    smaller = max(image.size) > longest
    if smaller:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    packed = buffer.getvalue()
    return image, packed if smaller or len(packed) < len(content) else content
