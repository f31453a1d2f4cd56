"""What every rank of test_cluster.py runs: collectives compared with values known without them."""

import sys

import numpy as np


def check_mean(cluster, tf):
    """Rank r holds r + 1 everywhere; over 2 ranks the mean is 1.5. 257 rounds to 256 in bfloat16's 8 bits: with 255,
    exact in it, the compressed mean is 255.5, which rounds to 256 (even), and the exact one of 257 and 255 is 256."""
    tensors = [tf.fill([3, 5], cluster.rank + 1.0), tf.constant(1.0 * cluster.rank)]
    for compression in ("none", "bf16"):
        mean = cluster.mean(tensors, "test", compression)
        np.testing.assert_array_equal(mean[0], np.full([3, 5], 1.5, np.float32))
        assert float(mean[1]) == 0.5
    rough = cluster.mean([tf.constant([257.0 if cluster.rank == 0 else 255.0])], "rough", "bf16")
    assert float(rough[0]) == 256.0


def check_gather_gradient(cluster, tf):
    """L = sum over all rows of (w x)^2 / rows, x = rank + 1, one weight w = 3 on both ranks. On one rank with both rows,
    dL/dw = 2 w (1 + 4) / 2 = 15; so must the mean over ranks of each rank's gradient be."""
    weight = tf.Variable(3.0)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            rows = cluster.gather(weight * tf.constant([[cluster.rank + 1.0]]))
            loss = tf.reduce_mean(rows ** 2)
        return rows, cluster.mean([tape.gradient(loss, weight)], "weight")[0]

    rows, mean = gradient()
    np.testing.assert_array_equal(rows, [[3.0], [6.0]])
    assert float(mean) == 15.0


def check_objects(cluster):
    """Objects arrive in rank order, and one rank's yes is everyone's."""
    assert cluster.all_objects({"rank": cluster.rank}) == [{"rank": 0}, {"rank": 1}]
    assert cluster.from_main(f"from {cluster.rank}") == "from 0"
    assert cluster.any(cluster.rank == 1) and not cluster.any(False)


def check_broadcast(cluster, tf):
    """Everyone has rank 0's weights."""
    variable = tf.Variable([cluster.rank + 4.0])
    cluster.broadcast([variable])
    assert float(variable[0]) == 4.0


def check_disagreement(cluster):
    """The rank that differs is named, and the fact; so is the one rank that failed."""
    from gaudi.cluster import PeerError
    from gaudi.errors import UserError
    cluster.agree({"config": "same"})
    try:
        cluster.agree({"config": "same", "code": f"c{cluster.rank}"})
    except UserError as error:
        assert "code differs between ranks" in str(error) and "rank 1" in str(error), error
    else:
        raise AssertionError("a difference went unnoticed")
    try:
        with cluster.together():
            if cluster.rank == 1:
                raise UserError("disk 7 is gone")
    except PeerError:
        assert cluster.rank == 0
    except UserError as error:
        assert cluster.rank == 1 and "rank 1 on" in str(error) and "disk 7 is gone" in str(error)
    else:
        raise AssertionError("a failure went unnoticed")


def main():
    """All checks; the last line tells the test that this rank came to the end."""
    from gaudi import device
    from gaudi.cluster import connect, describe
    ranks = describe()
    device.open_device(device.probe("cpu"), "float32", local_rank=ranks.local_rank, local_size=ranks.local_size)
    cluster = connect(ranks)
    import tensorflow as tf
    check_mean(cluster, tf)
    check_gather_gradient(cluster, tf)
    check_objects(cluster)
    check_broadcast(cluster, tf)
    check_disagreement(cluster)
    print(f"rank {cluster.rank} of {cluster.size} agrees", flush=True)


if __name__ == "__main__":
    sys.exit(main())
