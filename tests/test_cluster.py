"""Collectives on two real ranks (mpirun, Horovod, mpi4py), and on one, where they are the identity."""

import subprocess
import sys

import pytest
from conftest import ROOT

from gaudi import launch
from gaudi.cluster import Cluster, Ranks, describe
from gaudi.errors import UserError


def test_two_ranks():
    line = launch.mpirun_line(2, [sys.executable, str(ROOT / "tests" / "rank_program.py")])
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=launch.environment(), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rank 0 of 2 agrees" in done.stdout and "rank 1 of 2 agrees" in done.stdout


def test_one_rank_is_the_identity():
    cluster = Cluster(Ranks())
    assert cluster.mean([1, 2]) == [1, 2] and cluster.gather("rows") == "rows"
    assert cluster.all_objects(3) == [3] and cluster.from_main(3) == 3 and cluster.any(True)
    cluster.agree({"config": "a"})
    with pytest.raises(UserError, match="gone"):
        with cluster.together():
            raise UserError("gone")


def test_ranks_are_read_from_the_environment():
    ranks = describe({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_RANK": "1",
                      "OMPI_COMM_WORLD_LOCAL_SIZE": "2"})
    assert (ranks.rank, ranks.size, ranks.local_rank, ranks.local_size) == (3, 8, 1, 2)
    assert describe({}).size == 1
