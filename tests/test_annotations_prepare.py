"""From annotated pages to shards and back, through the command line: audit, splits, resume, damage."""

import json

import numpy as np
import pytest
from conftest import must, refused
from PIL import Image

from models.annotations import audit, images, shards
from models.annotations.pages import Box, Page

CLASSES = ["signature", "date"]


def page_image(number, height=300, width=240):
    """A page of its own: random dark bars on white."""
    rng = np.random.default_rng(number)
    pixels = np.full((height, width), 255, np.uint8)
    for y in range(10, height - 10, 12):
        pixels[y:y + 6, 10:10 + int(rng.integers(20, width - 20))] = 0
    return pixels


def coco_folder(root, pages=24, boxes=None, **sizes):
    """A COCO data set of different pages with one signature and one date each."""
    (root / "images").mkdir(parents=True)
    rows, annotations = [], []
    for number in range(pages):
        pixels = page_image(number, **sizes)
        Image.fromarray(pixels).save(root / "images" / f"p{number:02d}.png")
        rows.append({"id": number, "file_name": f"p{number:02d}.png", "height": pixels.shape[0],
                     "width": pixels.shape[1]})
        for category, bbox in boxes or [(1, [20 + number, 200, 60, 25]), (2, [100, 30.5, 40, 10])]:
            annotations.append({"id": len(annotations), "image_id": number, "category_id": category, "bbox": bbox})
    data = {"categories": [{"id": 1, "name": "signature"}, {"id": 2, "name": "date"}], "images": rows,
            "annotations": annotations}
    (root / "all.json").write_text(json.dumps(data))
    return data


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("coco")
    data = coco_folder(root / "in")
    done = must("data", "prepare", "documents", root / "in", "--out", root / "out", "--shard-pages", 8)
    return root, data, done


def test_round_trip_to_the_same_boxes(prepared):
    """Every box of the COCO file is in the shards, in pixels and in shares of the page, under its class."""
    tf = pytest.importorskip("tensorflow")
    root, data, _ = prepared
    dataset = shards.open_folder(root / "out")
    assert dataset.classes == CLASSES and sum(dataset.sizes().values()) == 24
    seen = set()
    for name in dataset.sizes():
        split = dataset.split(name)
        for image, boxes in zip(split.images, split.boxes()):
            number = int(image["file_name"][-6:-4])
            seen.add(number)
            assert boxes.tolist() == [[1, 200, 20 + number, 225, 80 + number], [2, 30.5, 100, 40.5, 140]]
            records = tf.data.TFRecordDataset(str(root / "out" / image["shard"])).as_numpy_iterator()
            record = list(records)[image["record"]]
            feature = tf.train.Example.FromString(record).features.feature
            assert np.allclose(feature["image/object/bbox/xmin"].float_list.value, boxes[:, 2] / 240)
            assert list(feature["image/object/class/label"].int64_list.value) == [1, 2]
            pixels = tf.io.decode_png(feature["image/encoded"].bytes_list.value[0]).numpy()[..., 0]
            assert (pixels == page_image(number)).all()
    assert seen == set(range(24))


def test_reported_and_repeatable(prepared):
    root, _, done = prepared
    assert "train: 20 pages, 20 signature, 20 date" in done.out and "validation: 2 pages" in done.out
    again = must("data", "prepare", "documents", root / "in", "--out", root / "out", "--shard-pages", 8)
    assert "is there already" in again.out
    assert "holds another data set" in refused("data", "prepare", "documents", root / "in", "--out", root / "out",
                                               "--seed", 2)


def test_an_interrupted_preparation_continues(prepared, tmp_path):
    """Shards of an earlier start are taken over: with one of them and the survey in place, the result is the same."""
    from models.annotations import prepare
    root, _, _ = prepared
    wishes = prepare.Wishes(str(root / "in"), str(tmp_path / "out"), shard_pages=8)
    written = []

    def stop_after_one(file, pages, classes, write=shards.write_shard):
        if written:
            raise KeyboardInterrupt
        written.append(file)
        return write(file, pages, classes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "write_shard", stop_after_one)
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare(wishes)
    assert not (tmp_path / "out").exists()
    first = written[0]
    before = first.stat().st_mtime_ns
    prepare.prepare(wishes)
    assert (tmp_path / "out" / first.name).stat().st_mtime_ns == before
    for file in sorted((root / "out").glob("*.tfrecord")):
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


def test_damage_names_file_and_record(prepared, tmp_path):
    import shutil

    from gaudi.errors import UserError
    root, _, _ = prepared
    shutil.copytree(root / "out", tmp_path / "out")
    split = shards.open_folder(tmp_path / "out").split("train")
    shards.verify(split)
    image = next(image for image in split.images if image["record"] == 3)
    file = tmp_path / "out" / image["shard"]
    data = bytearray(file.read_bytes())
    data[image["offset"] + 40] ^= 1
    file.write_bytes(data)
    with pytest.raises(UserError, match=f"{image['shard']}: record 3 .*{image['file_name']}.* is corrupt"):
        shards.verify(split)


@pytest.mark.parametrize("box,kind,kept", [
    (Box("date", 10, 10, 30, 50), None, (10, 10, 30, 50)),
    (Box("date", 30, 50, 10, 10), "inverted", (10, 10, 30, 50)),
    (Box("date", -8, 10, 30, 50), "outside", (0, 10, 30, 50)),
    (Box("date", 10, 190, 30, 260), "outside", (10, 190, 30, 200)),
    (Box("date", 110, 10, 130, 50), "off page", None),
    (Box("date", 10, 10, 11, 50), "empty", None),
    (Box("logo", 10, 10, 30, 50), "unknown label", None),
])
def test_box_faults(box, kind, kept):
    """On a page of 200 x 100 pixels, annotated as such."""
    from pathlib import Path
    page = Page(Path("p.png"), [box], (100, 200))
    boxes, findings = audit.repaired(page, 100, 200, CLASSES)
    assert [finding.kind for finding in findings] == ([kind] if kind else [])
    assert [tuple(found[1:]) for found in boxes] == ([kept] if kept else [])


def test_duplicates_and_other_sizes():
    from pathlib import Path
    box = Box("date", 10, 10, 30, 50)
    boxes, findings = audit.repaired(Page(Path("p"), [box, box, box._replace(label="signature")], (100, 200)), 200,
                                     400, CLASSES)
    assert [finding.kind for finding in findings] == ["duplicate"]
    assert boxes[0] == Box("date", 20, 20, 60, 100), "the page is twice as large as annotated, so is the box"
    _, findings = audit.repaired(Page(Path("p"), [box], (100, 200)), 200, 200, CLASSES)
    assert [finding.kind for finding in findings] == ["size"]


def test_refusals(tmp_path):
    coco_folder(tmp_path / "empty", pages=3, boxes=[(1, [0, 0, 1, 1])])
    out = tmp_path / "out"
    assert "not one box on 3 pages" in refused("data", "prepare", "documents", tmp_path / "empty", "--out", out)
    data = coco_folder(tmp_path / "missing", pages=5)
    (tmp_path / "missing" / "images" / "p03.png").unlink()
    (tmp_path / "missing" / "images" / "p04.png").write_bytes(b"no image")
    line = refused("data", "prepare", "documents", tmp_path / "missing", "--out", out)
    assert "p03.png: unreadable: no such file" in line and "1 more such faults" in line
    assert not out.exists()
    done = must("data", "prepare", "documents", tmp_path / "missing", "--out", out, "--on-corrupt", "skip", "--test", 0,
                "--validation", 0)
    assert "train: 3 pages" in done.out and "unreadable: 2" in done.out
    assert data["images"]
    assert "did you mean" in refused("data", "prepare", "document", "x")


def test_a_page_too_large_is_named_by_its_size(tmp_path):
    """20,000 x 20,000 pixels: a message about pixels, not about damage; without that page the others are taken."""
    coco_folder(tmp_path / "in", pages=3)
    Image.new("1", (20_000, 20_000), 1).save(tmp_path / "in" / "images" / "p01.png")
    arguments = "data", "prepare", "documents", tmp_path / "in", "--out", tmp_path / "out", "--test", 0, "--validation", 0
    line = refused(*arguments)
    assert "p01.png" in line and "more than 80,000,000 pixels" in line and "damaged image" not in line
    assert "train: 2 pages" in must(*arguments, "--on-corrupt", "skip").out


def test_images_become_what_tensorflow_reads(tmp_path):
    """16-bit, transparent, turned and multi-page files become upright 8-bit PNG; plain ones keep their bytes."""
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (40, 60)).astype(np.uint8)
    plain = tmp_path / "plain.png"
    Image.fromarray(grey).save(plain)
    assert images.encode(Page(plain)).data == plain.read_bytes()
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: width and height swap
    Image.fromarray(grey).save(tmp_path / "turned.jpg", exif=exif)
    Image.fromarray(np.dstack([grey] * 3 + [np.zeros_like(grey)])).save(tmp_path / "clear.png")
    Image.fromarray(grey).save(tmp_path / "two.tif", save_all=True, append_images=[Image.fromarray(255 - grey)])
    shapes = {}
    for name, frame in (("deep.png", 0), ("turned.jpg", 0), ("clear.png", 0), ("two.tif", 1)):
        encoded = images.encode(Page(tmp_path / name, frame=frame))
        assert encoded.format == "png"
        import io
        shapes[name] = np.array(Image.open(io.BytesIO(encoded.data)))
    assert (shapes["deep.png"] == grey).all() and (shapes["two.tif"] == 255 - grey).all()
    assert shapes["turned.jpg"].shape == (60, 40) and (shapes["clear.png"] == 255).all()


def test_near_duplicates_are_told_from_other_pages():
    """A page scanned again (scaled, noisy) is near; another page is not."""
    import cv2
    page, other = page_image(1), page_image(2)
    again = cv2.resize(page, (250, 310), interpolation=cv2.INTER_AREA)
    again = np.clip(again + np.random.default_rng(0).normal(0, 20, again.shape), 0, 255).astype(np.uint8)
    prints = np.array([images.fingerprint(image) for image in (page, again, other)])
    near, far = images.distances(prints[0], prints[1:])
    assert near <= images.NEAR_BITS < far
    assert images.groups(prints).tolist() == [0, 0, 2]


def test_near_duplicates_never_straddle(tmp_path):
    """Pages 0 to 9 twice, as train and as test: the test loses all ten, and training none."""
    root = tmp_path / "yolo"
    for split, noise in (("train", 0), ("test", 1)):
        (root / "images" / split).mkdir(parents=True)
        (root / "labels" / split).mkdir(parents=True)
        for number in [*range(10), *([20, 21] if noise else [])]:
            pixels = page_image(number)
            pixels[5, 5] = 100 * noise
            Image.fromarray(pixels).save(root / "images" / split / f"{number}.png")
            (root / "labels" / split / f"{number}.txt").write_text("0 0.5 0.5 0.2 0.1\n")
    done = must("data", "prepare", "documents", root, "--out", tmp_path / "out", "--classes", "signature",
                "--validation", 0)
    assert "near-duplicate: 10" in done.out and "train: 10 pages" in done.out and "test: 2 pages" in done.out


def test_real_pages_have_near_duplicates(real_data):
    """Two scans of one letter that the published split puts on both sides."""
    from models.annotations.images import encode
    folder = real_data / "tobacco_signatures" / "images"
    a, b = (encode(Page(folder / name)).fingerprint for name in ("val/569.png", "train/208.png"))
    assert images.distances(a, b[None])[0] <= images.NEAR_BITS
