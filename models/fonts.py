"""Printed letters from the fonts that installed packages bring, in families kept apart for training and test."""
import functools
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gaudi.errors import UserError

# family: (package, folder in it, file of the regular face, how the names of its other faces begin)
_KNOWN = {
    "Roboto": ("font_roboto", "files", "Roboto-Regular.ttf", "Roboto-"),
    "Source Sans Pro": ("font_source_sans_pro", "files", "SourceSansPro-Regular.ttf", "SourceSansPro-"),
    "Source Serif Pro": ("font_source_serif_pro", "files", "SourceSerifPro-Regular.ttf", "SourceSerifPro-"),
    "Caladea": ("font_caladea", "files", "Caladea-Regular.ttf", "Caladea-"),
    "Fredoka One": ("font_fredoka_one", "files", "FredokaOne-Regular.ttf", "FredokaOne-"),
    "Amatic SC": ("font_amatic_sc", "files", "AmaticSC-Regular.ttf", "AmaticSC-"),
    "Computer Modern": ("matplotlib", "mpl-data/fonts/ttf", "cmr10.ttf", "cmr10"),
    "Computer Modern Typewriter": ("matplotlib", "mpl-data/fonts/ttf", "cmtt10.ttf", "cmtt10"),
    "DejaVu Sans": ("matplotlib", "mpl-data/fonts/ttf", "DejaVuSans.ttf", "DejaVuSans"),
    "DejaVu Serif": ("matplotlib", "mpl-data/fonts/ttf", "DejaVuSerif.ttf", "DejaVuSerif"),
    "DejaVu Sans Mono": ("matplotlib", "mpl-data/fonts/ttf", "DejaVuSansMono.ttf", "DejaVuSansMono"),
    "STIX General": ("matplotlib", "mpl-data/fonts/ttf", "STIXGeneral.ttf", "STIXGeneral"),
    "Hanken Grotesk": ("font_hanken_grotesk", "files", "HankenGrotesk-Regular.otf", "HankenGrotesk-"),
    "Manrope": ("font_manrope", "files", "Manrope-Regular.ttf", "Manrope-"),
    "Intuitive": ("font_intuitive", "files", "Intuitive.ttf", "Intuitive"),
}
# Relatives (Source Sans and Serif; the DejaVus) stay on one side.
TEST = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "STIX General", "Hanken Grotesk", "Manrope", "Intuitive")
TRAIN = tuple(family for family in _KNOWN if family not in TEST)


@functools.cache
def families() -> dict[str, Path]:
    """Every installed family and the file of its regular face; UserError when a part would have no font."""
    found = {family: path for family in _KNOWN if (path := _folder(family) / _KNOWN[family][2]).is_file()}
    for part in (TRAIN, TEST):
        if not set(part) & set(found):
            packages = sorted({_KNOWN[family][0].replace("_", "-") for family in part})
            raise UserError(f"no printed font is installed; one of these packages is needed: {' '.join(packages)}")
    return found


def families_of(part: str) -> list[str]:
    """The installed families of "train" or "test", in a fixed order."""
    if part not in ("train", "test"):
        raise ValueError(f"part is {part!r}, allowed are train and test")
    return [family for family in (TRAIN if part == "train" else TEST) if family in families()]


@functools.cache
def faces(family: str) -> tuple[Path, ...]:
    """All files of a family (regular, bold, italic, ...), sorted; the same face in two formats counts once."""
    if family not in families():
        raise ValueError(f"no font family {family!r}; installed are {', '.join(families())}")
    prefix = _KNOWN[family][3]
    files = [path for path in sorted(_folder(family).iterdir())
             if path.suffix in (".ttf", ".otf") and path.stem.startswith(prefix) and _is_face(path.stem[len(prefix):])]
    return tuple(sorted({path.stem: path for path in files}.values()))


def _is_face(rest: str) -> bool:
    """Whether what follows the family's name is a style ("-BoldOblique", "It"), not another family ("Mono")."""
    styles = ("", "-", "Bol", "It", "Reg", "Light", "Medium", "Semi", "Extra", "Black", "Thin", "Oblique")
    return rest in styles[:1] or rest.startswith(styles[1:])


def _folder(family: str) -> Path:
    package, folder = _KNOWN[family][:2]
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent / folder if spec and spec.origin else Path("/nonexistent")


def render_word(text: str, font: str | Path, size: int) -> np.ndarray:
    """Text as coverage uint8 [h, w], 255 = ink, cropped to it; `font` a family or a face, size in pixels."""
    face = _open(str(families().get(font, font)), int(size))
    left, top, right, bottom = face.getbbox(text)
    canvas = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(canvas).text((-left, -top), text, font=face, fill=255)
    inked = canvas.getbbox()
    if inked is None:
        raise ValueError(f"nothing to print in {text!r}")
    return np.array(canvas.crop(inked))


@functools.lru_cache(maxsize=512)
def _open(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
