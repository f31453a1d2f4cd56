"""The report page: what it says of a run, and that it is whole, escaped and self-contained."""

import base64
import io
import json
import math
import re
import time

import numpy as np
import pytest
import yaml
from PIL import Image

from gaudi.page.curves import shorten
from gaudi.page.figures import number
from gaudi.page.gallery import embed, strip_height
from gaudi.page import write_page
from gaudi.report import Journal
from gaudi.page.verdict import findings, monitored, read_run, stage, verdict
from html_checker import Checker

CONFIG = {
    "model": "cleaner",
    "device": "auto",
    "data": {"root": ""},
    "train": {"global_batch": 8, "epochs": 10.0, "early_stop_epochs": 0.0, "optimizer": {"learning_rate": 1e-05}},
}
FACTS = {
    "device": "cpu",
    "device_name": "Xeon",
    "precision": "bfloat16",
    "precision_why": "AVX512-BF16",
    "ranks": 2,
    "total_steps": 100,
    "epochs": 10.0,
    "parameters": {"network": 2106051},
    "monitor": ["psnr", "max"],
    "examples": {"train": 80, "validation": 16},
    "versions": {"numpy": "1.26.4"},
}


def make_run(
    folder, steps=100, validation=lambda epoch: {}, train=lambda epoch: {"loss": 1 / epoch}, config=CONFIG, facts=FACTS
):
    """A run folder as training leaves it: ten steps an epoch, validation after each epoch."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "run.json").write_text(json.dumps(facts))
    with Journal(folder, total_steps=100, epochs=10, tensorboard=False, stream=io.StringIO()) as journal:
        for step in range(1, steps + 1):
            extra = validation(step // 10) if step % 10 == 0 else {}
            journal.log(
                {
                    "step": step,
                    "epoch": step / 10,
                    "images": step * 8,
                    "seconds": step * 30.0,
                    "learning_rate": 1e-3,
                    "images_per_second": 20.0 if step > 1 else 0.0,
                    **train(step / 10),
                    **{f"validation_{name}": value for name, value in extra.items()},
                }
            )
    return folder


def page_of(folder):
    """The checked page of a run folder."""
    return Checker(write_page(folder).read_text())


def test_a_finished_run_says_how_far_and_how_good(tmp_path):
    """PSNR peaks at 24.5 in epoch 8 and ends at 24.3; all lines but the first, unmeasured one ran at 20 images/s."""
    run = make_run(
        tmp_path / "cleaner", validation=lambda epoch: {"loss": 1.2 / epoch, "psnr": 24.5 - 0.1 * abs(epoch - 8)}
    )
    text = page_of(run).text
    assert "Finished 10 of 10 epochs . Validation PSNR is 24.5 at its best, in epoch 8, and 24.3 at the end." in text
    assert "Not evaluated on test data yet." in text
    for shown in (
        "2\u202f106\u202f051 weights",
        "synthetic embedded, 80 train, 16 validation",
        "10 of 10 100 steps",
        "50 min 00 s",
        "20 median, batch 8",
        "cpu Xeon, 2 ranks",
        "bfloat16 AVX512-BF16",
        "validation PSNR, higher is better, epoch 8",
    ):
        assert shown in text, shown
    assert f"gaudi evaluate {run} " in text and "gaudi train" not in text
    assert "learning_rate 1e-05" in text, "the config stands as one types it"


def test_the_page_needs_nothing_else(tmp_path):
    run = make_run(tmp_path / "run", validation=lambda epoch: {"psnr": 20.0 + epoch})
    (run / "samples").mkdir()
    Image.new("RGB", (40, 20), "white").save(run / "samples" / "cleaned_0000050.png")
    page = page_of(run)
    addresses = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "action", "data")]
    assert addresses and all(address.startswith("data:image/png;base64,") for address in addresses)
    html = (run / "report.html").read_text()
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|//[a-z]+\.", html)
    assert "prefers-color-scheme: dark" in html and "cleaned" in page.text and "epoch 5, step 50" in page.text


def test_everything_from_outside_is_escaped(tmp_path):
    evil = "<script>alert('x')</script>&\"'"
    config = {"model": evil, "data": {"root": evil}, evil: evil}
    run = make_run(
        tmp_path / "a <b>&'",
        train=lambda epoch: {evil: epoch},
        config=config,
        facts={"device": evil, "versions": {evil: evil}, "examples": {evil: 3}},
        validation=lambda _: {evil: 1.0},
    )
    (run / "metrics.json").write_text(
        json.dumps(
            {
                evil: {"row": {evil: evil}, evil: {evil: 1.5}},
                "unit": {"value": 1.0, "low": 0.5, "high": 1.5, "unit": evil},
                "list": [evil],
            }
        )
    )
    (run / "export").mkdir()
    (run / "export" / "model_card.json").write_text(json.dumps({"contract": evil, "data": {evil: evil}}))
    (run / "pictures").mkdir()
    Image.new("L", (4, 4)).save(run / "pictures" / "<i>&.png")
    page = page_of(run)
    assert (run / "report.html").read_text().count("<script") == 1 and page.text.count("alert('x')") > 8
    assert not any(tag in ("script", "i") and "alert" in str(value) for tag, _, value in page.attributes)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"config.yaml": "model: cleaner"},
        {"log.jsonl": ""},
        {"log.jsonl": '{"step": 1, "ep'},
        {"log.jsonl": '{"step": 1}'},
        {"metrics.json": "[]"},
        {"metrics.json": "0.5"},
        {"config.yaml": "[1, 2]"},
        {"config.yaml": "a: [", "run.json": "{", "metrics.json": "{'"},
    ],
)
def test_a_page_of_whatever_is_there(tmp_path, files):
    """Nothing, next to nothing and broken files give a page that says so."""
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    text = page_of(tmp_path).text
    broken = [name for name, content in files.items() if content in ("[1, 2]", "a: [", "{", "{'")]
    for name in broken:
        assert f"{name} cannot be read" in text or f"{name} does not hold keys and values" in text
    assert ("Nothing is trained yet" in text) == (files.get("log.jsonl") != '{"step": 1}')


def test_one_line_of_log(tmp_path):
    run = make_run(tmp_path / "run", steps=1)
    text = page_of(run).text
    assert "Not finished: 0.1 of 10 epochs are done" in text and "constant 10" in text
    assert f"gaudi train {run / 'config.yaml'} --run {run}" in text


def test_a_picture_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "cleaned_0000010.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert "cannot be read" in page_of(tmp_path).text


def test_a_hundred_thousand_lines(tmp_path):
    """A run of weeks: the page stays small and quick, and the one spike among 100,000 values is in its band."""
    random = np.random.default_rng(0)
    values = random.uniform(0.4, 0.6, 100_000)
    values[77_777] = 9.0
    with open(tmp_path / "log.jsonl", "w") as file:
        for step, value in enumerate(values, 1):
            file.write(
                f'{{"step": {step}, "epoch": {step / 1000}, "images": {step}, "seconds": {step}, '
                f'"images_per_second": 9.0, "learning_rate": 0.1, "loss": {value:.6g}}}\n'
            )
    began = time.process_time()
    path = write_page(tmp_path)
    assert time.process_time() - began < 10, "2 s on a quiet core"
    assert path.stat().st_size < 400_000
    panel = next(panel for panel in read_run(tmp_path).panels if panel.name == "loss")
    assert shorten(panel.series["train"]).high.max() == 9.0


def test_curves_are_written_as_pictures_too(tmp_path):
    run = make_run(tmp_path / "run", validation=lambda epoch: {"psnr": 20.0 + epoch})
    write_page(run)
    sizes = {path.name: Image.open(path).size for path in (run / "curves").iterdir()}
    assert sorted(sizes) == ["learning_rate.png", "losses.png", "validation.png"]
    assert all(width >= 400 and height >= 300 for width, height in sizes.values())
    blue = np.asarray(Image.open(run / "curves" / "losses.png").convert("RGB")).reshape(-1, 3)
    assert (np.abs(blue.astype(int) - [0x2F, 0x6F, 0x9F]).max(axis=1) < 12).sum() > 100, "the curve itself is missing"


def test_what_the_pointer_reads_is_what_is_drawn(tmp_path):
    """Every view's points lie inside its frame, and their texts are the values logged."""
    run = make_run(tmp_path / "run", validation=lambda epoch: {"loss": 2 / epoch})
    page = page_of(run)
    panels = [json.loads(value) for tag, name, value in page.attributes if name == "data-points"]
    linear, logarithmic = panels[0]
    assert [row["role"] for row in linear["rows"]] == ["train", "validation"]
    for view in (linear, logarithmic):
        train = view["rows"][0]
        assert len(train["x"]) == len(train["y"]) == len(train["text"]) == 100
        assert view["left"] <= min(train["x"]) and max(train["x"]) == view["right"]
        assert 0 <= min(train["y"]) and max(train["y"]) <= 190
    assert linear["rows"][0]["text"][99] == "0.1" and linear["rows"][0]["step"][99] == 100
    assert linear["rows"][1]["text"] == [number(2 / epoch) for epoch in range(1, 11)]


def state_of(folder):
    """Stage and verdict of a run folder."""
    run = read_run(folder)
    return stage(run, monitored(run)), verdict(run)


def test_stages(tmp_path):
    """Stopped early: patience of 3 epochs, best in epoch 2 of the 5 that were done."""
    assert state_of(tmp_path)[0] == "new"
    assert state_of(make_run(tmp_path / "a"))[0] == "finished"
    assert state_of(make_run(tmp_path / "b", steps=50))[0] == "partial"
    patient = CONFIG | {"train": CONFIG["train"] | {"early_stop_epochs": 3.0}}
    state, words = state_of(
        make_run(tmp_path / "c", steps=50, config=patient, validation=lambda epoch: {"psnr": 10.0 - abs(epoch - 2)})
    )
    assert state == "early" and words.startswith(
        "Stopped early after <b>5 of 10 epochs</b>. Validation PSNR is <b>10</b>"
    )


def test_without_a_declared_monitor_the_loss_is_it(tmp_path):
    run = make_run(tmp_path / "a", facts={}, validation=lambda epoch: {"psnr": 9.0, "loss": abs(epoch - 4.0)})
    metric = monitored(read_run(run))
    assert (metric.name, metric.better, metric.series.epochs[metric.best]) == ("loss", "lower", 4)
    mysterious = make_run(tmp_path / "b", facts={}, validation=lambda epoch: {"wibble": 9.0})
    assert monitored(read_run(mysterious)) is None


def found(folder, **options):
    """The findings about a run made so."""
    return " ".join(findings(read_run(make_run(folder, **options))))


def test_findings_tell_of_overfitting_only_where_there_is(tmp_path):
    """Validation loss 1.0 in epoch 4 and 1.6 at the end, training loss falling: overfitting. Both falling: none."""
    overfit = found(tmp_path / "a", validation=lambda epoch: {"loss": 1.0 + 0.1 * abs(epoch - 4), "psnr": 1.0 * epoch})
    assert "Validation loss has risen since epoch 4 while training loss went on falling: the model overfits." in overfit
    healthy = found(tmp_path / "b", validation=lambda epoch: {"loss": 1.1 / epoch, "psnr": min(epoch, 9) * 1.0})
    assert healthy == ""
    both = found(
        tmp_path / "c",
        train=lambda epoch: {"loss": 1 + abs(epoch - 4)},
        validation=lambda epoch: {"loss": 1.0 + abs(epoch - 4), "psnr": min(epoch, 9) * 1.0},
    )
    assert "overfits" not in both


def test_findings_tell_of_standstill_and_of_stopping_too_soon(tmp_path):
    assert "has not improved during the last 7 epochs" in found(
        tmp_path / "a", validation=lambda e: {"psnr": -abs(e - 3.0)}
    )
    assert "best at the very end: more epochs may still improve it" in found(
        tmp_path / "b", validation=lambda e: {"psnr": 1.0 * e}
    )


def test_findings_tell_of_what_was_not_finite(tmp_path):
    told = found(tmp_path / "a", train=lambda epoch: {"loss": math.nan if epoch >= 9.5 else 1.0})
    assert "Training loss was not finite in 6 log lines, first in epoch 9.5." in told


def decoded(source):
    """The picture in a data: address."""
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def test_large_pictures_are_scaled_down_and_gray_ones_stored_gray(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (500, 1000, 1), np.uint8)
    Image.fromarray(np.repeat(noise, 3, axis=2)).save(tmp_path / "gray.png")
    source, width, height = embed(tmp_path / "gray.png", 400)
    assert (width, height) == (400, 200) == decoded(source).size and decoded(source).mode == "L"
    small = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(small).save(tmp_path / "small.png")
    assert (np.asarray(decoded(embed(tmp_path / "small.png", 400)[0])) == small).all(), "a small one is kept as it is"
    assert embed(tmp_path / "none.png", 400) == ("", 0, 0)


def test_film_strips_fill_their_row():
    """Six squares side by side: (1184 - 5 * 12) / 6 = 187 pixels each; six 3:1 pictures take three rows of two."""
    assert strip_height(500, 500, 6) == 187
    assert strip_height(900, 300, 6) == int((1184 - 12) / 2 / 3)
