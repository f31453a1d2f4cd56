"""Every annotation format, read from small files made here, tells the same boxes; bad files are named."""

import json

import numpy as np
import pytest
from PIL import Image

from gaudi.errors import UserError
from models.annotations import formats
from models.annotations.pages import Box

HEIGHT, WIDTH = 200, 400
BOXES = [Box("signature", 100, 40, 140, 200), Box("date", 20, 300, 40, 380)]  # ymin xmin ymax xmax in pixels


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(tmp_path / "images" / "a.png")
    return tmp_path


def pixels(page):
    """The page's boxes in pixels of 200 x 400, rounded."""
    y, x = (1, 1) if page.annotated else (HEIGHT, WIDTH)
    return [(box.label, *(round(v * s) for v, s in zip(box[1:], (y, x, y, x)))) for box in page.boxes]


EXPECTED = [tuple(box) for box in BOXES]


def coco(root, **changes):
    data = {"categories": [{"id": 7, "name": "signature"}, {"id": 9, "name": "date"}],
            "images": [{"id": 3, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
            "annotations": [{"id": 1, "image_id": 3, "category_id": 7, "bbox": [40, 100, 160, 40]},
                            {"id": 2, "image_id": 3, "category_id": 9, "bbox": [300, 20, 80, 20]}]} | changes
    (root / "train.json").write_text(json.dumps(data))


def voc(root, name="a.png", size=True):
    objects = "".join(f"<object><name>{b.label}</name><bndbox><xmin>{b.xmin}</xmin><ymin>{b.ymin}</ymin>"
                      f"<xmax>{b.xmax}</xmax><ymax>{b.ymax}</ymax></bndbox></object>" for b in BOXES)
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>" if size else ""
    (root / "train").mkdir(exist_ok=True)
    (root / "train" / "a.xml").write_text(f"<annotation><filename>{name}</filename>{size}{objects}</annotation>")


def yolo(root, second="1 0.85 0.15 0.2 0.1"):
    """Centre of x 40..200 is 120 / 400 = 0.3, of y 100..140 is 120 / 200 = 0.6; sides 160 / 400 and 40 / 200."""
    (root / "labels").mkdir(exist_ok=True)
    (root / "labels" / "a.txt").write_text(f"0 0.3 0.6 0.4 0.2\n{second}\n")
    (root / "classes.txt").write_text("signature\ndate\n")


def vott(root):
    regions = [{"tags": [b.label], "boundingBox": {"top": b.ymin, "left": b.xmin, "height": b.ymax - b.ymin,
                                                   "width": b.xmax - b.xmin}} for b in BOXES]
    asset = {"name": "a.png", "path": "file:a.png", "size": {"width": WIDTH, "height": HEIGHT}}
    (root / "export.json").write_text(json.dumps({"assets": {"x": {"asset": asset, "regions": regions}}}))


def signverod(root, train=None, ids="200,400,5,a.png\n"):
    (root / "image_ids.csv").write_text("height,width,id,file_name\n" + ids)
    (root / "train.csv").write_text("area,bbox,category_id,id,image_id\n" + (train if train is not None else
                                    '0.08,"[0.1, 0.5, 0.4, 0.2]",1,0,5\n0.02,"[0.75, 0.1, 0.2, 0.1]",4,1,5\n'))
    (root / "test.csv").write_text("area,bbox,category_id,id,image_id\n")


@pytest.mark.parametrize("kind,write", [("coco", coco), ("voc", voc), ("yolo", yolo), ("vott", vott), ("signverod",
                                                                                                       signverod)])
def test_every_format_tells_the_same_boxes(root, kind, write):
    write(root)
    pages = formats.read(root)
    assert [pixels(page) for page in pages] == [EXPECTED]
    assert pages[0].image == root / "images" / "a.png"
    assert formats.read(root, kind)[0].boxes == pages[0].boxes


@pytest.mark.parametrize("write,split", [(coco, "train"), (voc, "train"), (signverod, "train"), (vott, ""), (yolo, "")])
def test_splits_come_from_names(root, write, split):
    write(root)
    assert formats.read(root)[0].split == split


def test_records_of_others(root):
    """A record as TensorFlow's object detection tools write it, labels by number (SignVerOD's 1 and 4)."""
    tf = pytest.importorskip("tensorflow")

    def numbers(values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    feature = {"image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"bytes"])),
               "image/object/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[1, 4]))}
    for position, key in enumerate(("ymin", "xmin", "ymax", "xmax")):
        side = (HEIGHT, WIDTH)[position % 2]
        feature[f"image/object/bbox/{key}"] = numbers([box[1 + position] / side for box in BOXES])
    data = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    file = root / "test_1.tfrecords"
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(data)
        writer.write(data)
    page, _ = formats.read(file)
    assert (pixels(page), page.split, page.encoded) == (EXPECTED, "test", b"bytes")
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    with pytest.raises(UserError, match="test_1.tfrecords: record 1 is corrupt or cut off"):
        formats.read(file)


def test_signverod_ids_that_start_anew(root):
    """Ids 5, 6 and again 5: the second 5 is another image, and so are the boxes behind the step back."""
    for name in ("b.png", "c.png"):
        (root / "images" / name).write_bytes((root / "images" / "a.png").read_bytes())
    signverod(root, ids="200,400,5,a.png\n200,400,6,b.png\n200,400,5,c.png\n",
              train='1,"[0.1, 0.1, 0.1, 0.1]",1,0,5\n1,"[0.2, 0.2, 0.1, 0.1]",1,1,6\n1,"[0.3, 0.3, 0.1, 0.1]",3,2,5\n')
    found = {page.image.name: page.boxes[0] for page in formats.read(root)}
    assert (found["a.png"].xmin, found["b.png"].xmin, found["c.png"].xmin) == (0.1, 0.2, 0.3)
    assert found["c.png"].label == "redaction"


def test_pages_of_a_tiff(root):
    pages = [Image.fromarray(np.full((HEIGHT, WIDTH), shade, np.uint8)) for shade in (255, 200)]
    pages[0].save(root / "images" / "scan.tif", save_all=True, append_images=pages[1:])
    coco(root, images=[{"id": 3, "file_name": "scan.tif#2", "height": HEIGHT, "width": WIDTH}])
    page, = formats.read(root)
    assert (page.image.name, page.frame, page.name[-10:]) == ("scan.tif", 1, "scan.tif#2")


@pytest.mark.parametrize("damage,message", [
    (lambda root: coco(root, images=[{"id": 3, "file_name": "a.png"}]), "a.png has no height and width"),
    (lambda root: coco(root, categories=[{"id": 7, "name": "signature"}]), "category id 9; known are 7"),
    (lambda root: coco(root, images=[]), "annotation 1 is for image id 3"),
    (lambda root: voc(root, size=False), "a.xml: no <size>"),
    (lambda root: yolo(root, "2 0.5 0.5 0.1 0.1"), "a.txt:2: class 2 is not known; there are 2 names"),
    (lambda root: yolo(root, "1 0.5 0.5 0.1"), "a.txt:2: 4 fields"),
    (lambda root: yolo(root, "1 0.5 nan 0.1 0.1"), "a.txt:2: a box coordinate must be finite"),
    (lambda root: signverod(root, train='1,"[0.1]",1,0,5\n'), "bbox must be"),
    (lambda root: signverod(root, train='1,"[0.1, 0.1, 0.1, 0.1]",9,0,5\n'), "category_id 9 is not known"),
    (lambda root: signverod(root, train='1,"[0.1, 0.1, 0.1, 0.1]",1,0,8\n'), "image_id 8 is not in"),
    (lambda root: (coco(root), voc(root)), "several formats .coco, voc.; choose with --format"),
    (lambda root: None, "no annotations found"),
])
def test_faults_are_named(root, damage, message):
    damage(root)
    with pytest.raises(UserError, match=message):
        formats.read(root)


def test_a_label_without_its_image(root):
    yolo(root)
    (root / "labels" / "zzz.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(UserError, match="zzz.txt: a label file without an image"):
        formats.read(root)


def test_real_exports(real_data):
    pages = formats.read(real_data / "statute_signatures")
    labels = [box.label for page in pages for box in page.boxes]
    assert (len(pages), labels.count("signature"), labels.count("paraphe")) == (41, 27, 41)
    pages = formats.read(real_data / "tobacco_signatures", classes=["signature"])
    assert [sum(page.split == name for page in pages) for name in ("train", "validation")] == [545, 115]
