"""Who is in which part, what stands in which layout, what is fed to the network; and what is refused, by name."""

import csv

import cv2
import numpy as np
import pytest
import tensorflow as tf
from conftest import refused
from PIL import Image

from gaudi.errors import UserError
from models.pix2pix import check, embedded, parts, prepare, synth
from models.pix2pix import data as sources
from models.pix2pix.config import Config, PairData
from models.pix2pix.example import Example


def examples(names, writers):
    return [Example(f"{writer}-{name}", name, str(writer), "pen", ("F",))
            for writer in range(writers) for name in names]


def names_of(rows):
    return {one.name for one in rows}


def writers_of(rows):
    return {one.writer for one in rows}


def test_test_names_and_writers_are_in_no_other_part():
    split = parts.divided(examples("ABCDEFGHIJ", 10), PairData(unseen_names=2, validation_names=1))
    unseen = names_of(split.test) - names_of(split.train)
    assert len(names_of(split.train)) == 7 and len(unseen) == 3 and len(names_of(split.test)) == 10
    assert len(names_of(split.validation)) == 8 and len(names_of(split.validation) - names_of(split.train)) == 1
    assert len(names_of(split.test) - names_of(split.validation)) == 2
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test"), ("judge", "test")):
        assert not writers_of(getattr(split, one)) & writers_of(getattr(split, other)), (one, other)
    assert names_of(split.judge) == set("ABCDEFGHIJ")
    assert split.validation[0].name not in names_of(split.train), "the sample pictures show unseen names"


def test_the_split_depends_on_its_own_seed_only():
    rows = examples("ABCDEFGH", 8)
    assert parts.divided(rows, PairData()) == parts.divided(rows, PairData())
    others = [parts.divided(rows, PairData(split_seed=seed)) for seed in range(1, 6)]
    assert len({frozenset(names_of(other.test) - names_of(other.train)) for other in others}) > 1


def test_names_that_share_a_chinese_character_stay_together():
    linked = ["朱佳怡", "王涛", "董欣怡", "董涛"]
    assert parts.related([*linked, "Anna", "Anne"]) == [["Anna"], ["Anne"], linked]
    rows = examples(["朱佳怡", "王涛", "董欣怡", "李浩", "赵雪"], 6)
    for seed in range(8):
        split = parts.divided(rows, PairData(unseen_names=2, validation_names=0, split_seed=seed))
        pair = {"朱佳怡", "董欣怡"}
        assert pair <= names_of(split.train) or not pair & names_of(split.train)
    with pytest.raises(UserError, match="董欣怡 shares characters"):
        parts.divided(rows, PairData(test_names=["朱佳怡"]))
    with pytest.raises(UserError, match="data.test_names: 王淘 not in the data; it has 朱佳怡"):
        parts.divided(rows, PairData(test_names=["王淘"]))


def test_too_few_to_divide():
    with pytest.raises(UserError, match="1 signatures of 1 names and 1 writers are too few"):
        parts.divided(examples("A", 1), PairData())
    by_name = parts.divided(examples("ABCDEF", 1), PairData())  # the paper's folder: a signature a name, no writers
    assert len(by_name.train) == 3 and len(by_name.validation) == 1 and len(by_name.test) == 2 and not by_name.judge
    by_writer = parts.divided(examples("A", 10), PairData())
    assert not writers_of(by_writer.train) & writers_of(by_writer.test) and by_writer.test


def picture(path, width=64, height=32, mode="L", seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 255, (height, width), np.uint8)
    Image.fromarray(values).convert(mode).save(path)


def config(root, layout="pairs", **more):
    made = Config()
    made.data = PairData(root=str(root), layout=layout, size=32, **more)
    return made


def test_pairs_in_the_facades_layout_either_direction(tmp_path):
    synth.write(tmp_path / "f", {"train": 4, "val": 2, "test": 2}, 32)
    made = config(tmp_path / "f", channels=3)
    assert made.splits() == {"train": 4, "validation": 2, "test": 2}
    source = sources.sources(made)["validation"]
    example = source.example(tf.constant(0, tf.int64), tf.constant([1, 2]))
    whole = cv2.imread(str(tmp_path / "f" / "val" / "1.png"))[..., ::-1]
    np.testing.assert_array_equal(example["printed"], whole[:, :32])
    np.testing.assert_array_equal(example["signed"], whole[:, 32:])
    made.data.direction = "BtoA"
    turned = sources.sources(made)["validation"].example(tf.constant(0, tf.int64), tf.constant([1, 2]))
    np.testing.assert_array_equal(turned["signed"], example["printed"])


def test_pairs_of_every_kind_of_file(tmp_path):
    for number, mode in enumerate(("L", "RGB", "RGBA", "LA", "P", "1")):
        picture(tmp_path / f"{number}.png", mode=mode, seed=number)
    Image.fromarray(np.random.default_rng(9).integers(0, 65535, (32, 64)).astype(np.uint16)).save(tmp_path / "9.png")
    for channels in (1, 3):
        made = sources.sources(config(tmp_path, channels=channels))["train"]
        for index in range(made.size):
            example = made.example(tf.constant(index, tf.int64), tf.constant([0, index]))
            assert example["printed"].shape == example["signed"].shape == (32, 32, channels)


def test_the_papers_two_folders_without_manifest(tmp_path):
    for kind in (prepare.GENERATED, prepare.TARGETED):
        for number in range(12):
            picture(tmp_path / kind / f"{number}.png", width=32, seed=number)
    made = config(tmp_path, validation_share=0.34)
    assert made.splits() == {"train": 4, "validation": 4, "test": 4}
    (tmp_path / prepare.GENERATED / "3.png").unlink()
    with pytest.raises(UserError, match="targeted_image/3.png: has no partner generated_image/3.png"):
        made.splits()
    picture(tmp_path / prepare.GENERATED / "3.png", width=48)
    with pytest.raises(UserError, match="generated_image/3.png: 48x32 pixels, but its partner has 32x32"):
        sources.sources(made)
    made.data.on_corrupt = "skip"
    assert sum(source.size for source in sources.sources(made).values()) == 11


def test_one_single_pair_and_odd_widths(tmp_path):
    picture(tmp_path / "0.png")
    with pytest.raises(UserError, match="1 pair, at least 3 are needed"):
        config(tmp_path).splits()
    picture(tmp_path / "1.png")
    picture(tmp_path / "2.png", width=63)
    with pytest.raises(UserError, match="2.png: 63x32 pixels: no A|B picture"):
        sources.sources(config(tmp_path))


def test_unpaired_folders(tmp_path):
    for folder, count in (("trainA", 5), ("trainB", 3), ("testA", 4), ("testB", 2)):
        for number in range(count):
            picture(tmp_path / folder / f"{number}.png", width=32, seed=number)
    made = config(tmp_path, "unpaired")
    made.method, made.monitor = "cyclegan", "cycle_l1"
    assert made.splits() == {"train": 5, "validation": 2, "test": 2}
    train = sources.sources(made)["train"]
    drawn = {bytes(train.example(tf.constant(0, tf.int64), tf.constant([3, epoch]))["signed"].numpy())
             for epoch in range(12)}
    assert len(drawn) == 3, "an A meets every B sooner or later"
    with pytest.raises(UserError, match="trainA: no such folder"):
        config(tmp_path / "trainB", "unpaired").splits()


@pytest.fixture(scope="module")
def tiny():
    made = Config()
    made.data = PairData(size=64, synthetic_writers=4, synthetic_names=4, warp=0.2, jitter=6)
    return made


def test_training_examples_vary_with_the_seed_alone(tiny):
    source = sources.sources(tiny)["train"]
    one, same, other = (source.example(tf.constant(1, tf.int64), tf.constant(seed))
                        for seed in ([5, 6], [5, 6], [5, 7]))
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert (one["signed"].numpy() != other["signed"].numpy()).any()
    assert one["printed"].dtype == one["plain"].dtype == tf.uint8


def test_print_and_handwriting_are_varied_alike(tiny):
    picture_ = tf.constant(embedded.handwriting(Example("1/Abbott", "Abbott", "1"), 64)[..., None])
    for seed in range(4):
        first, second = sources.varied([picture_, picture_], tiny.data, tf.constant([seed, 1]))
        np.testing.assert_array_equal(first, second)
        assert (first.numpy() != picture_.numpy()).any() and first[0, 0, 0] == 255


def test_the_tests_rows_hold_every_font_and_the_plain_print(tiny):
    made = sources.sources(tiny)
    assert made["test"].size == tiny.splits()["test"] == 2 * len(parts.listing(tiny).test)
    row = made["test"].example(tf.constant(0, tf.int64), tf.constant([0, 0]))
    assert (row["plain"].numpy() != row["printed"].numpy()).any()


@pytest.fixture
def prepared(tmp_path):
    """A prepared folder of 16 embedded signatures."""
    source = tmp_path / "source"
    source.mkdir()
    rows = []
    for one in embedded.examples(PairData(synthetic_writers=4, synthetic_names=4)):
        file = one.key.replace("/", "-") + ".png"
        cv2.imwrite(str(source / file), embedded.handwriting(one, 64))
        rows.append([file, one.name, one.writer, "pen"])
    with open(source / "labels.csv", "w", newline="") as handle:
        csv.writer(handle).writerows([["file", "name", "writer", "medium"], *rows])
    signed = prepare.signatures_in(source)
    jobs = prepare.renderable(signed, list(embedded.faces()), "fail")
    prepare.write_pairs(tmp_path / "out", jobs, size=64, aligned=True, processes=1)
    return tmp_path / "out"


def test_a_prepared_folder_is_read_and_its_faults_are_named(prepared):
    made = config(prepared, "signatures")
    lines = list(check.check(made))
    assert any("names never trained on: test" in line for line in lines)
    assert any(line.startswith("ink F") for line in lines)
    made.data.fonts = ["SAN"]
    with pytest.raises(UserError, match="'SAN' was not prepared; did you mean SANS"):
        made.splits()
    made.data.fonts = []
    picture(prepared / prepare.GENERATED / "SANS" / "99.png")
    with pytest.raises(UserError, match="generated_image/SANS/99.png: has no partner"):
        list(check.check(made))
    (prepared / prepare.GENERATED / "SANS" / "99.png").unlink()
    key = parts.listing(made).train[0].key
    picture(prepared / prepare.GENERATED / "SANS" / key, width=40, height=40)
    with pytest.raises(UserError, match=f"SANS/{key}: 40x40 pixels, but targeted_image/{key} has 64x64"):
        sources.sources(made)
    (prepared / prepare.TARGETED / key).unlink()
    with pytest.raises(UserError, match=f"targeted_image/{key}: missing"):
        made.splits()


@pytest.mark.parametrize("arguments, words", [
    (["pix2pix", "data.layout=unpaired"], "network.hands"),
    (["pix2pix_isola", "data.layout=unpaired"], "need method cyclegan"),
    (["pix2pix_isola", "data.size=100"], "data.size: 100 must be a multiple of 32"),
    (["pix2pix", "data.root=/nowhere"], "/nowhere: no manifest.csv"),
    (["cyclegan", "monitor=ink_f", "data.layout=unpaired"], "must be cycle_l1"),
])
def test_contradictions_are_refused(arguments, words):
    assert words in refused("plan", *arguments)


def test_more_hands_than_writers_is_refused(tiny):
    made = Config()
    made.data, made.network.hands = tiny.data, 50
    with pytest.raises(UserError, match="network.hands: 50 styles, but the training part has 2"):
        sources.sources(made)
