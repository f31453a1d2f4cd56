"""Anchors, their labels, and losses against values derived by hand; the Model Garden's own where it has them."""

import math

import numpy as np
import pytest
import tensorflow as tf

from models.retinanet import anchors, data, detect, losses
from models.retinanet.config import Anchors, Loss


def test_anchors_by_hand():
    """One level, stride 8, on 8 x 16 pixels: cells centred at (4, 4) and (4, 12). Size 2 strides = 16 pixels, aspect
    4 =
    width over height: height 16 / sqrt 4 = 8, width 16 * 2 = 32; aspect 1: 16 x 16. The second scale is sqrt 2
    larger."""
    found = anchors.boxes(Anchors(size=2.0, scales=2, aspects=[1.0, 4.0]), 3, 3, 8, 16)
    assert found.shape == (8, 4)
    assert found[0].tolist() == [-4, -4, 12, 12]
    assert found[1].tolist() == [0, -12, 8, 20]
    assert found[4].tolist() == [-4, 4, 12, 20], "the second cell comes after all shapes of the first"
    assert found[2] == pytest.approx([4 - 8 * 2 ** 0.5, 4 - 8 * 2 ** 0.5, 4 + 8 * 2 ** 0.5, 4 + 8 * 2 ** 0.5])


@pytest.mark.parametrize("height,width,levels", [(128, 128, (3, 7)), (128, 256, (3, 6))])
def test_anchors_are_the_model_gardens(height, width, levels):
    from official.vision.ops.anchor import Anchor
    settings = Anchors(size=4.0, scales=3, aspects=[0.5, 1.0, 2.0])
    theirs = Anchor(*levels, settings.scales, settings.aspects, settings.size, [height, width]).boxes.numpy()
    np.testing.assert_allclose(anchors.boxes(settings, *levels, height, width), theirs, atol=1e-4)


def test_overlap_by_hand():
    """[0,0,2,2] and [1,1,3,3] share 1 of 4 + 4 - 1 = 7."""
    assert anchors.overlaps(np.array([0, 0, 2, 2.0]), np.array([[1, 1, 3, 3], [5, 5, 6, 6.0]])).tolist() == [1 / 7, 0]


def test_labels_by_hand():
    """Anchors with IoU 1, 0.5, 0.45, 0.2 to the one box (100 x 100): positive, positive, ignored, negative.

    A second box that nothing overlaps by half still gets its best anchor.
    """
    every = np.array([[0, 0, 100, 100], [0, 0, 50, 100], [0, 0, 45, 100], [0, 0, 20, 100], [300, 300, 400, 400]],
                     np.float32)
    boxes = tf.constant([[0, 0, 100, 100], [300, 300, 330, 400]], tf.float32)
    labels, offsets = data.label(every, boxes, tf.constant([2.0, 1.0]), Anchors(match=0.5, ignore=0.4))
    assert labels.numpy().tolist() == [2, 2, data.IGNORED, data.NEGATIVE, 1]
    assert offsets[0].numpy() == pytest.approx([0, 0, 0, 0], abs=1e-5)
    assert offsets[1].numpy() == pytest.approx([0.5, 0, math.log(2), 0], abs=1e-5)  # 25 of 50 down, twice as high
    assert losses.decoded(offsets, every).numpy()[4] == pytest.approx([300, 300, 330, 400], abs=1e-3)


def test_a_page_without_boxes_is_all_negative():
    labels, _ = data.label(np.array([[0, 0, 8, 8]], np.float32), tf.zeros([0, 4]), tf.zeros([0]), Anchors())
    assert labels.numpy().tolist() == [data.NEGATIVE]


def test_focal_loss_by_hand():
    """Logit 0 is probability 1/2: -alpha (1/2)^2 log(1/2) = 0.25 * 0.25 * 0.6931 for the anchor that is class 2
    there, and
    0.75 * 0.25 * 0.6931 at every other entry: 3 of the two counted anchors' 4. The third anchor is ignored."""
    loss = losses.focal(tf.zeros([1, 3, 2]), tf.constant([[2, 0, -1]]), Loss(alpha=0.25, gamma=2.0))
    assert loss.numpy() == pytest.approx([(0.25 + 3 * 0.75) * 0.25 * math.log(2)])


def test_huber_by_hand():
    """Differences 0.05 and 1 at delta 0.1: 0.05^2 / 2 and 0.1 (1 - 0.05), the mean over four numbers; negatives
    count nothing."""
    offsets = tf.constant([[[0.05, 1, 0, 0], [9, 9, 9, 9]]])
    loss = losses.boxes(offsets, tf.zeros([1, 2, 4]), tf.constant([[1, 0]]), tf.zeros([2, 4]), Loss(huber_delta=0.1))
    assert loss.numpy() == pytest.approx([(0.00125 + 0.095) / 4])


def test_complete_iou_by_hand():
    """2 x 2 boxes, one moved by 1 to the right: IoU 2 / 6, middles 1 apart, box around both 2 x 3 with diagonal^2
    13; same
    aspect. So 1/3 - 1/13. Equal boxes give 1. Turned by a right angle (4 x 1 against 1 x 4, one middle): IoU 1 / 7,
    v = 4 / pi^2 (atan 4 - atan 1/4)^2, weight v / (6/7 + v)."""
    def ciou(one, other):
        return float(losses.complete_iou(tf.constant([one], tf.float32), tf.constant([other], tf.float32))[0])

    assert ciou([0, 0, 2, 2], [0, 1, 2, 3]) == pytest.approx(1 / 3 - 1 / 13, abs=1e-6)
    assert ciou([3, 3, 5, 9], [3, 3, 5, 9]) == pytest.approx(1, abs=1e-6)
    v = 4 / math.pi ** 2 * (math.atan(4) - math.atan(0.25)) ** 2
    assert ciou([1.5, 0, 2.5, 4], [0, 1.5, 4, 2.5]) == pytest.approx(1 / 7 - v * v / (6 / 7 + v), abs=1e-5)


def test_l2_by_hand():
    """Half of 0.1 times (1 + 4 + 9 + 16); the bias is left out."""
    assert float(losses.penalty([tf.Variable([[1.0, 2], [3, 4]]), tf.Variable([100.0])],
                                0.1)) == pytest.approx(0.5 * 0.1 * 30)


def test_page_precision_by_hand():
    """Two boxes; detections by score: hit, same box again, miss, hit. Precision at the hits is 1/1 and 2/4, so the
    page's
    average precision at 0.5 is (1 + 0.5) / 2. A page without boxes and a detection of 0.3 scores 0.7; wrong classes
    miss."""
    truth = tf.constant([[[1, 0, 0, 10, 10], [1, 50, 50, 60, 60.0]], [[0.0] * 5] * 2, [[2, 0, 0, 10, 10], [0, 0, 0, 0,
                                                                                                           0.0]]])
    boxes = tf.constant([[[0, 0, 10, 10], [0, 0, 10, 9], [80, 80, 90, 90], [50, 50, 60, 60.0]]] * 3)
    scores = tf.constant([[0.9, 0.8, 0.7, 0.6], [0.3, 0, 0, 0], [0.9, 0, 0, 0]])
    found = detect.page_precision(boxes, scores, tf.ones([3, 4], tf.int32), truth, (0.5,))
    assert found.numpy() == pytest.approx([0.75, 0.7, 0.0])
