"""Cleans signature images with an exported cleaner; needs TensorFlow and nothing of this suite.

    python scripts/clean_images.py runs/cleaner/export/1 scan1.png scan2.jpg --out cleaned
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main():
    """Read, clean and write every image named; beside each a picture of before and after."""
    options = arguments()
    if options.without_suite:
        for own in ("gaudi", "models"):
            sys.modules[own] = None  # whoever imports the suite now gets an ImportError
    import tensorflow as tf
    model = tf.keras.models.load_model(options.export, custom_objects={"PSNR": None, "SSIM": None}, compile=False)
    size = model.input_shape[1]
    crops = tf.stack([as_signver_hands_over(tf, path, size) for path in options.images])
    cleaned = model.predict(crops, batch_size=64, verbose=0)
    options.out.mkdir(parents=True, exist_ok=True)
    for path, before, after in zip(options.images, crops.numpy(), cleaned):
        write(tf, options.out / f"{path.stem}_cleaned.png", after)
        write(tf, options.out / f"{path.stem}_before_after.png", tf.concat([before, tf.ones([size, 8, 3]) * 0.5, after], 1))
    print(f"cleaned {len(cleaned)} images with {options.export}: {options.out}")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", help="a SavedModel folder, such as runs/cleaner/export/1")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="PNG, JPEG, BMP or GIF")
    parser.add_argument("--out", type=Path, default=Path("cleaned"), metavar="DIR")
    parser.add_argument("--without-suite", action="store_true", help="make the suite's own packages unimportable first")
    options = parser.parse_args()
    missing = [str(path) for path in options.images if not path.is_file()]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")
    return options


def as_signver_hands_over(tf, path, size):
    """float32 [size, size, 3] in 0..1: the image stretched to a square and cut into ink and paper by Otsu's threshold."""
    grey = tf.image.rgb_to_grayscale(tf.io.decode_image(path.read_bytes(), channels=3, expand_animations=False))
    grey = tf.image.resize(tf.cast(grey, tf.float32), [size, size], antialias=True)
    paper = tf.cast(grey > otsu(tf, grey), tf.float32)
    return tf.repeat(paper, 3, axis=-1)


def otsu(tf, grey):
    """The threshold of largest between-class variance (Otsu 1979, Eq. 14) of grey levels 0..255."""
    counts = tf.cast(tf.histogram_fixed_width(grey, [0.0, 256.0], 256), tf.float32)
    share = counts / tf.reduce_sum(counts)
    weight, mean = tf.cumsum(share), tf.cumsum(share * tf.range(256, dtype=tf.float32))
    between = tf.math.divide_no_nan((mean[-1] * weight - mean) ** 2, weight * (1 - weight))
    return tf.cast(tf.argmax(between), tf.float32) + 0.5


def write(tf, path, image):
    """Write float32 0..1 as PNG."""
    tf.io.write_file(str(path), tf.io.encode_png(tf.cast(tf.round(tf.clip_by_value(image, 0, 1) * 255), tf.uint8)))


if __name__ == "__main__":
    main()
