"""The ranks of a training: Horovod averages tensors, mpi4py carries objects; one rank needs neither."""

from __future__ import annotations

import os
import socket
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

from gaudi.errors import UserError


@dataclass(frozen=True)
class Ranks:
    """Where this process stands among the others, known before MPI starts."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    host: str = ""


class PeerError(UserError):
    """Another rank has already said what is wrong; this one ends with it, silently."""


def describe(environment=None) -> Ranks:
    """The ranks as Open MPI describes them in the environment (nothing is started, no tensor allocated)."""
    env = os.environ if environment is None else environment
    return Ranks(rank=int(env.get("OMPI_COMM_WORLD_RANK", 0)), size=int(env.get("OMPI_COMM_WORLD_SIZE", 1)),
                 local_rank=int(env.get("OMPI_COMM_WORLD_LOCAL_RANK", 0)),
                 local_size=int(env.get("OMPI_COMM_WORLD_LOCAL_SIZE", 1)), host=socket.gethostname())


def connect(ranks: Ranks) -> "Cluster":
    """Start Horovod where there is more than one rank. On HPU the Habana module must be loaded before."""
    return HorovodCluster(ranks) if ranks.size > 1 else Cluster(ranks)


class Cluster:
    """One rank: every collective is the identity."""

    def __init__(self, ranks: Ranks):
        self.rank, self.size = ranks.rank, ranks.size
        self.ranks = ranks

    @property
    def is_main(self) -> bool:
        """True on the one rank that writes."""
        return self.rank == 0

    def mean(self, tensors, label="mean", compression="none"):
        """Element-wise mean over ranks of a list of tensors (traced or eager); `label` is unique to the call's place."""
        return list(tensors)

    def gather(self, tensor):
        """Rows of all ranks, [b, ...] -> [ranks * b, ...], with gradients."""
        return tensor

    def all_objects(self, value) -> list:
        """The `value` of every rank, in the order of ranks, on every rank."""
        return [value]

    def any(self, flag: bool) -> bool:
        """True on all ranks where it is on one."""
        return bool(flag)

    def from_main(self, value):
        """Rank 0's `value` on every rank."""
        return value

    def broadcast(self, variables) -> None:
        """Give every rank rank 0's values of these variables."""

    @contextmanager
    def together(self):
        """A piece of work that fails on all ranks when it fails on one; only the first failing rank speaks."""
        error = None
        try:
            yield
        except UserError as caught:
            error = caught
        failed = [rank for rank, message in enumerate(self.all_objects(str(error) if error else None)) if message]
        if not failed:
            return
        if self.rank != failed[0]:
            raise PeerError(f"rank {failed[0]} failed") from error
        if len(failed) < self.size:
            raise UserError(f"rank {self.rank} on {self.ranks.host}: {error}") from error
        raise error

    def agree(self, facts: dict) -> None:
        """Compare facts (digests of config, code, data) over ranks; name the ranks and the fact that differ."""
        everyone = self.all_objects((self.ranks.host, facts))
        for name in facts:
            values = [other[name] for _, other in everyone]
            usual = Counter(values).most_common(1)[0][0]
            odd = [f"rank {rank} on {host} ({other[name]})" for rank, (host, other) in enumerate(everyone)
                   if other[name] != usual]
            if odd:
                raise UserError(f"{name} differs between ranks: {', '.join(odd)} against {usual} elsewhere; "
                                f"give every host the same {name}")


class HorovodCluster(Cluster):
    """Several ranks under mpirun."""

    def __init__(self, ranks: Ranks):
        super().__init__(ranks)
        try:
            from mpi4py import MPI
            import horovod.tensorflow as hvd
        except ImportError as error:
            raise UserError(f"{ranks.size} ranks need Horovod and mpi4py, and one cannot be loaded ({error}); "
                            "run scripts/setup.sh, or train on one rank") from error
        hvd.init()
        self._hvd, self._mpi, self._world = hvd, MPI, MPI.COMM_WORLD
        self._reduces_bf16 = getattr(hvd, "hccl_built", lambda: False)()
        if hvd.size() != ranks.size:
            raise UserError(f"mpirun started {ranks.size} ranks but Horovod sees {hvd.size()}: "
                            "it was built against another MPI; run scripts/setup.sh again")

    def mean(self, tensors, label="mean", compression="none"):
        if compression == "bf16" and not self._reduces_bf16:
            return _mean_bf16(self._hvd, tensors, label)
        return [self._mean(tensor, f"{label}.{position}", compression) for position, tensor in enumerate(tensors)]

    def _mean(self, tensor, name, compression):
        import tensorflow as tf
        narrow = tf.cast(tensor, tf.bfloat16) if compression == "bf16" else tensor
        return tf.cast(self._hvd.allreduce(narrow, op=self._hvd.Average, name=name), tensor.dtype)

    def gather(self, tensor):
        """All ranks' rows; backwards, the gradients that all ranks hold for a row are summed at its owner.

        Each rank computes the whole global loss, so the later mean over ranks of weight gradients is the gradient of
        that one loss. (Horovod's own gradient of allgather averages, which loses a factor of the ranks.)
        """
        import tensorflow as tf
        hvd, rank = self._hvd, self.rank

        @tf.custom_gradient
        def gathered(local):
            rows = tf.shape(local)[0]

            def backward(upstream):
                total = hvd.allreduce(upstream, op=hvd.Sum, name="gather.backward")
                return total[rank * rows:(rank + 1) * rows]

            whole = hvd.allgather(local, name="gather.forward")
            whole.set_shape([None if local.shape[0] is None else local.shape[0] * self.size, *local.shape[1:]])
            return whole, backward

        return gathered(tensor)

    def all_objects(self, value) -> list:
        return self._world.allgather(value)

    def any(self, flag: bool) -> bool:
        return bool(self._world.allreduce(int(flag), op=self._mpi.MAX))

    def from_main(self, value):
        return self._world.bcast(value, root=0)

    def broadcast(self, variables) -> None:
        self._hvd.broadcast_variables(list(variables), root_rank=0)


def _mean_bf16(hvd, tensors, label):
    """The mean with bfloat16 on the wire for a Horovod that cannot reduce it: half of float32's traffic.

    Reduce-scatter as an all-to-all of bytes, summed in float32 (better than a bfloat16 ring), then an all-gather.
    """
    import tensorflow as tf
    ranks = hvd.size()
    flat = tf.concat([tf.reshape(tf.cast(tensor, tf.float32), [-1]) for tensor in tensors], 0)
    length = flat.shape[0]
    share = -(-length // ranks)
    narrow = tf.cast(tf.pad(flat, [[0, share * ranks - length]]), tf.bfloat16)
    bytes_out = tf.reshape(tf.bitcast(narrow, tf.uint8), [ranks * share, 2])
    bytes_in, _ = hvd.alltoall(bytes_out, splits=tf.fill([ranks], share), name=f"{label}.scatter")
    parts = tf.bitcast(tf.reshape(bytes_in, [ranks, share, 2]), tf.bfloat16)
    mean = tf.cast(tf.reduce_mean(tf.cast(parts, tf.float32), 0), tf.bfloat16)
    whole = hvd.allgather(tf.bitcast(mean, tf.uint8), name=f"{label}.gather")
    flat = tf.cast(tf.bitcast(tf.reshape(whole, [ranks * share, 2]), tf.bfloat16), tf.float32)[:length]
    pieces = tf.split(flat, [tensor.shape.num_elements() for tensor in tensors])
    return [tf.cast(tf.reshape(piece, tensor.shape), tensor.dtype) for piece, tensor in zip(pieces, tensors)]
