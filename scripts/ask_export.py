"""Asks an exported detector, extractor, signer or screener about images; needs TensorFlow and nothing of this suite.

    python scripts/ask_export.py runs/retinanet/export/1 page1.png page2.jpg --out found     draws what was found
    python scripts/ask_export.py runs/extractor/export/1 reference.png questioned.png        cosine distances
    python scripts/ask_export.py runs/signer/export/1 scan.png                               a name, or unknown
    python scripts/ask_export.py runs/screener/export/1 crop.png                             a signature or not
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
COLOURS = [[0.1, 0.5, 0.2], [0.1, 0.3, 0.8], [0.8, 0.2, 0.1], [0.7, 0.4, 0.0]]  # RGB, one a class in turn


def main():
    """Read the images, ask, and print one line an image."""
    options = arguments()
    if options.without_suite:
        for own in ("gaudi", "models"):
            sys.modules[own] = None  # whoever imports the suite now gets an ImportError
    import tensorflow as tf
    images = {name: picture for path in options.images for name, picture in read(tf, path, options.pages).items()}
    model = tf.saved_model.load(options.export)
    kind = kind_of(model)
    print(f"{options.export} is {kind}")
    {"a detector": detect, "an extractor": compare, "a signer classifier": name_signers,
     "a screener": screen}[kind](tf, model, images, options)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", help="a SavedModel folder, such as runs/signer/export/1")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="PNG, JPEG, BMP, or TFRecords of pages")
    parser.add_argument("--out", type=Path, default=Path("found"), metavar="DIR", help="for a detector's pictures")
    parser.add_argument("--pages", type=int, default=4, metavar="N", help="at most so many of each TFRecord file")
    parser.add_argument("--least-score", type=float, default=0.3, metavar="S", help="detections below are left out")
    parser.add_argument("--without-suite", action="store_true", help="make the suite's own packages unimportable first")
    options = parser.parse_args()
    missing = [str(path) for path in options.images if not path.is_file()]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")
    if not (Path(options.export) / "saved_model.pb").is_file():
        parser.error(f"{options.export}: no SavedModel (a folder with saved_model.pb)")
    return options


def read(tf, path, most):
    """{name: uint8 [H, W, 3]} of an image file, or of the first pages of a TFRecord file."""
    if ".tfrecord" not in path.name:
        return {"/".join(path.parts[-2:]): tf.io.decode_image(path.read_bytes(), channels=3, expand_animations=False)}
    feature = {"image/encoded": tf.io.FixedLenFeature([], tf.string)}
    found = [tf.io.parse_single_example(record, feature)["image/encoded"]
             for record in tf.data.TFRecordDataset(str(path)).take(most)]
    return {f"{path.name}:{k}": tf.io.decode_image(content, channels=3, expand_animations=False)
            for k, content in enumerate(found)}


def kind_of(model):
    """What the export is, from the names of its outputs."""
    outputs = set(model.signatures["serving_default"].structured_outputs)
    kinds = {"detection_boxes": "a detector", "unknown_score": "a signer classifier", "is_signature": "a screener"}
    for output, kind in kinds.items():
        if output in outputs:
            return kind
    shapes = [spec.shape for spec in model.signatures["serving_default"].structured_outputs.values()]
    if len(shapes) == 1 and len(shapes[0]) == 2:
        return "an extractor"
    sys.exit("this export is none of those; clean_images.py serves a cleaner and sign_name.py a pix2pix")


def detect(tf, model, images, options):
    """Print what is on every page, and write the page with its boxes."""
    options.out.mkdir(parents=True, exist_ok=True)
    names = [name.decode() for name in model.classes.numpy()]
    for name, page in images.items():
        found = {key: value[0] for key, value in model(page[None]).items()}
        sure = found["detection_scores"] >= options.least_score
        boxes, scores, kinds = (tf.boolean_mask(found[f"detection_{key}"], sure) for key in ("boxes", "scores", "classes"))
        seen = [f"{label(names, int(kind))} {score:.2f}" for kind, score in zip(kinds.numpy(), scores.numpy())]
        print(f"{name}: {', '.join(seen) or f'nothing with a score of {options.least_score} or more'}")
        drawn = tf.cast(page[None], tf.float32)
        colours = [[255 * part for part in COLOURS[int(kind) % len(COLOURS)]] for kind in kinds.numpy()]
        if len(colours):
            drawn = tf.image.draw_bounding_boxes(drawn, boxes[None], colours)
        target = options.out / f"{name.replace(':', '-').replace('/', '-')}.png"
        tf.io.write_file(str(target), tf.io.encode_png(tf.cast(drawn[0], tf.uint8)))


def label(names, kind):
    """The name of a class counted from 1."""
    return names[kind - 1] if 0 < kind <= len(names) else f"class {kind}"


def compare(tf, model, images, options):
    """Print the cosine distance of every image to every other."""
    ask = model.signatures["serving_default"]
    (key, spec), = ask.structured_input_signature[1].items()
    size = spec.shape[1]
    crops = tf.stack([squared(tf, image, size) for image in images.values()])
    (vectors,) = ask(**{key: crops}).values()
    distances = tf.nn.relu(1.0 - tf.linalg.matmul(vectors, vectors, transpose_b=True)).numpy()  # no -0.00
    for name, row in zip(images, distances):
        print(f"{name:28s} " + " ".join(f"{distance:5.2f}" for distance in row))


def squared(tf, image, size):
    """float32 [size, size, 3] in 0..1: the scan cut by Otsu's threshold, its aspect kept, on white."""
    grey = tf.cast(tf.image.rgb_to_grayscale(image), tf.float32)
    ink = tf.cast(grey <= otsu(tf, grey), tf.float32)
    fitted = tf.image.resize_with_pad(ink, size, size, antialias=True)
    return tf.repeat(1.0 - tf.clip_by_value(fitted, 0.0, 1.0), 3, axis=-1)


def otsu(tf, grey):
    """The threshold of largest between-class variance (Otsu 1979, Eq. 14) of grey levels 0..255."""
    counts = tf.cast(tf.histogram_fixed_width(grey, [0.0, 256.0], 256), tf.float32)
    share = counts / tf.reduce_sum(counts)
    weight, mean = tf.cumsum(share), tf.cumsum(share * tf.range(256, dtype=tf.float32))
    between = tf.math.divide_no_nan((mean[-1] * weight - mean) ** 2, weight * (1 - weight))
    return tf.cast(tf.argmax(between), tf.float32) + 0.5


def name_signers(tf, model, images, options):
    """Print who signed each image."""
    for name, image in images.items():
        found = model.signatures["serving_default"](tf.image.rgb_to_grayscale(image)[None])
        sure = float(tf.reduce_max(found["probability"]))
        print(f"{name}: {found['name'][0].numpy().decode()} "
              f"(probability of the likeliest {sure:.2f}, unknown score {float(found['unknown_score'][0]):+.2f})")


def screen(tf, model, images, options):
    """Print whether each image is a signature, with the three scores behind the answer."""
    for name, image in images.items():
        found = model.signatures["serving_default"](tf.image.rgb_to_grayscale(image)[None])
        scores = ", ".join(f"{key.replace('_', ' ')} {float(found[key][0]):.2f}"
                           for key in ("reconstruction_error", "anomaly_score", "classifier_confidence"))
        print(f"{name}: {'signature' if found['is_signature'][0] else 'no signature'} "
              f"({float(found['score'][0]):.2f}; {scores})")


if __name__ == "__main__":
    main()
