"""A rank that opens its device, multiplies once, averages its number with the others, and says so in JSON."""
import json
import time

from gaudi import cluster, device


def main():
    """`mean` is that of the ranks' numbers: (size - 1) / 2."""
    started = time.monotonic()
    ranks = cluster.describe()
    here = device.probe()
    precision, _ = device.resolve_precision("auto", here)
    device.open_device(here, precision, local_rank=ranks.local_rank, local_size=ranks.local_size)
    together = cluster.connect(ranks)
    import tensorflow as tf
    side = tf.ones([64, 64], precision)
    product = float(tf.reduce_mean(tf.cast(tf.matmul(side, side), tf.float32)))
    assert product == 64.0, product
    mean = float(together.mean([tf.constant(float(ranks.rank))], "selftest")[0])
    if together.is_main:
        print(json.dumps({"version": tf.__version__, "device": here.kind, "precision": precision, "mean": mean,
                          "seconds": time.monotonic() - started}), flush=True)


if __name__ == "__main__":
    main()
