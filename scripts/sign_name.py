"""Prints a name in a font and signs it with an exported pix2pix: a picture of a handwritten signature.

    python scripts/sign_name.py runs/pix2pix/export/1 "NAME" --font KAI -o signed.png
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs without being installed, too

import numpy as np

from gaudi.errors import DONE, WRONG_INPUT, UserError


def main(arguments=None) -> int:
    """Sign one name; the exit code."""
    options = parse(arguments)
    try:
        seconds = sign(options)
    except UserError as error:
        print(f"sign_name: {error}", file=sys.stderr)
        return WRONG_INPUT
    print(f"{options.out}: {options.name} in {options.font}, generated in {seconds:.2f} s")
    return DONE


def parse(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, help="a SavedModel folder, such as runs/pix2pix/export/1")
    parser.add_argument("name", help="what to sign")
    parser.add_argument("--font", default="KAI", help="KAI (default), FANGSONG, HEI, a family, or a font file")
    parser.add_argument("--hand", type=int, default=0, metavar="K", help="whose, if several were learned (default 0)")
    parser.add_argument("-o", "--out", type=Path, default=Path("signed.png"), metavar="FILE.png")
    parser.add_argument("--both", action="store_true", help="draw the print beside the signature")
    return parser.parse_args(arguments)


def sign(options) -> float:
    """Write the signature; returns the seconds that one generation takes once the model is warm."""
    from models.pix2pix import fonts
    from models.pix2pix.printing import checked_name, print_name
    name, face = checked_name(options.name), fonts.find(options.font)
    if face.missing(name):
        print_name(name, face, 32)  # says which glyph is missing, before TensorFlow is loaded
    if not (options.export / "saved_model.pb").is_file():
        raise UserError(f"{options.export}: no SavedModel in it (gaudi export RUN writes RUN/export/1)")
    import cv2
    import tensorflow as tf
    loaded = tf.saved_model.load(str(options.export))
    write, size, channels = generator_of(loaded, options.hand, options.export)
    printed = print_name(name, face, size)
    fed = np.repeat(printed[None, ..., None], channels, axis=-1).astype(np.float32) / 127.5 - 1.0
    write(tf.constant(fed))
    began = time.perf_counter()
    signed = write(tf.constant(fed)).numpy()[0]
    seconds = time.perf_counter() - began
    picture = np.clip(np.rint((signed + 1.0) * 127.5), 0, 255).astype(np.uint8)
    if options.both:
        picture = np.concatenate([np.repeat(printed[..., None], channels, axis=-1), picture], axis=1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(options.out), picture[..., ::-1]):
        raise UserError(f"{options.out}: cannot be written")
    return seconds


def generator_of(loaded, hand: int, export):
    """(function printed -> signed, side in pixels, channels) of an export, in the hand asked for."""
    import tensorflow as tf
    signatures = loaded.signatures
    if "serving_default" not in signatures:
        raise UserError(f"{export}: has no signature serving_default; it has {', '.join(signatures) or 'none'}")
    shape = signatures["serving_default"].structured_input_signature[1]["printed"].shape
    if "hand" not in signatures:
        if hand:
            raise UserError(f"--hand {hand}: this export has one style; leave --hand out")
        return lambda printed: signatures["serving_default"](printed=printed)["output"], shape[1], shape[3]
    hands = int(loaded.number_of_hands)
    if not 0 <= hand < hands:
        raise UserError(f"--hand {hand}: this export has hands 0 to {hands - 1}")
    chosen = tf.constant([hand], tf.int32)
    return lambda printed: signatures["hand"](printed=printed, hand=chosen)["output"], shape[1], shape[3]


if __name__ == "__main__":
    sys.exit(main())
