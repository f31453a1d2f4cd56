"""Graph readiness: what is found in traced functions, the list of kernels, and that every shipped recipe is clean."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, refused
from forked import Forks
from gaudi_machine import plain_environment

from gaudi import config, operators
from gaudi.hpu_kernels import KERNELS

RECIPES = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))
ONE_OF_EACH_MODEL = sorted({config.load(name, tiny=True).model: name for name in reversed(RECIPES)}.values())
TRACE = """
import json
from gaudi import config, graph, plan
recipe = config.load({name!r}, tiny=True)
traced = graph.trace(recipe, plan.ASSUMED["hpu"], 2, export={export})
print("RESULT" + json.dumps([[each.name, each.clean, graph.rows_of(each), sorted(each.found.kinds)] for each in traced]))
"""


def found_in(function, *specs):
    """The findings of a function traced with these specs."""
    return operators.look_through(tf.function(function).get_concrete_function(*specs))


@pytest.fixture(scope="module")
def forks():
    """Fresh processes with TensorFlow imported."""
    made = Forks(plain_environment())
    yield made
    made.close()


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes_are_ready(name, forks, tmp_path):
    """Static shapes, 32 bits, no Python and no strings in step and validation; no suppression of boxes in the step."""
    done = forks.run(TRACE.format(name=name, export=name in ONE_OF_EACH_MODEL), tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    traced = json.loads(done.stdout.split("RESULT")[1])
    assert [each[0] for each in traced[:2]] == ["training step", "validation"]
    for _, clean, rows, _ in traced[:2]:
        assert clean, rows
    assert not [kind for kind in traced[0][3] if "NonMaxSuppression" in kind]
    for each, _, rows, kinds in traced[2:]:
        assert not {"PyFunc", "EagerPyFunc", "PyFuncStateless"} & set(kinds), "an export cannot carry Python"


def test_the_command_prints_the_report():
    done = subprocess.run([sys.executable, "-m", "gaudi.cli", "plan", "--device", "hpu", "--graph", "cleaner", "--tiny"],
                          capture_output=True, text=True, cwd=ROOT, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    assert done.returncode == 0, done.stderr
    assert "device:        hpu: Gaudi, assumed" in done.stdout and "bfloat16" in done.stdout
    assert "training step:" in done.stdout and "export serving_default" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("graph:         ready for Gaudi")


def test_plan_for_what_is_not_here():
    assert "'tpu'" in refused("plan", "cleaner", "--device", "tpu")


def test_static_float_work_is_clean():
    kernel = tf.Variable(tf.ones([4, 3]))
    found = found_in(lambda x: tf.reduce_sum(tf.nn.relu(x @ kernel)), tf.TensorSpec([8, 4]))
    assert found.clean and not found.unlisted and found.kinds["MatMul"] == 1


def test_a_shape_that_depends_on_values_is_found():
    found = found_in(lambda x: tf.boolean_mask(x, x > 0), tf.TensorSpec([8]))
    assert any(name.startswith("GatherV2") for name in found.dynamic)


def test_wide_types_are_found_and_counters_are_not():
    def mixed(x, step):
        return tf.argmax(x, 1), tf.cast(x, tf.float64) * 2.0, step + 1
    found = found_in(mixed, tf.TensorSpec([32, 4]), tf.TensorSpec([], tf.int64))
    assert set(found.wide) == {"ArgMax int64 (32,)", "Cast float64 (32, 4)", "Mul float64 (32, 4)"}
    assert found.bookkeeping == 1


def test_python_and_strings_are_found():
    def hosted(x):
        return tf.numpy_function(np.sort, [x], tf.float32), tf.strings.length(tf.as_string(x))
    assert set(found_in(hosted, tf.TensorSpec([8])).host) == {"PyFunc", "AsString", "StringLength"}


def test_bodies_of_functions_branches_and_loops_are_looked_into():
    """The caller's shapes and variables reach into them: the product with a captured variable stays static."""
    kernel = tf.Variable(tf.ones([4, 4]))

    @tf.function
    def inner(x):
        return tf.cond(x[0, 0] > 0, lambda: x @ kernel, lambda: tf.cast(tf.argsort(x, 1), tf.float32))

    def outer(x):
        return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, inner(x)), [0, x])[1]
    found = found_in(outer, tf.TensorSpec([8, 4]))
    assert found.kinds["While"] == found.kinds["If"] == found.kinds["MatMul"] == 1 and found.kinds["TopKV2"] == 1
    assert not found.dynamic and not found.wide
    python = found_in(lambda x: tf.cond(x[0] > 0, lambda: x, lambda: tf.py_function(np.sort, [x], tf.float32)),
                      tf.TensorSpec([8]))
    assert set(python.host) == {"EagerPyFunc"}


def test_what_is_constant_or_not_needed_is_not_counted():
    def step(x):
        tf.argmax(tf.reshape(x, [2, 4]), 1)  # nobody needs it
        return x * tf.cast(tf.range(8, dtype=tf.int64), tf.float32)
    found = found_in(step, tf.TensorSpec([8]))
    assert found.kinds == {"Placeholder": 1, "Mul": 1, "Identity": 1} and found.clean


def test_operators_and_types_that_the_list_lacks_are_named_without_a_verdict():
    def odd(x, n):
        return tf.linalg.det(x), tf.math.lgamma(x), n @ n
    found = found_in(odd, tf.TensorSpec([4, 4]), tf.TensorSpec([4, 4], tf.int32))
    assert "MatrixDeterminant" in found.unlisted and "MatMul T=int32" in found.unlisted
    assert found.clean


def test_list_agrees_with_the_beginning_of_the_documentation():
    """Habana's page `TensorFlow Operators`, as far as it could be read: operators and types from Abs to Any."""
    page = {"Abs": "bfloat16 float32 int32", "Acos": "float32", "Acosh": "float32", "AdjustContrastv2": "float32",
            "Addons>Resampler": "bfloat16 float32", "Addons>ResamplerGrad": "bfloat16 float32"}
    for name, types in page.items():
        assert KERNELS[name]["T"] == set(types.split())
    for name in ("Add", "AddV2"):
        assert KERNELS[name]["T"] == {"bfloat16", "float32", "int16", "int32", "int64"}
    assert KERNELS["All"]["Tidx"] == KERNELS["Any"]["Tidx"] == {"int32", "int64"}
    assert KERNELS["AnonymousIterator"] == {} and len(KERNELS) == 452
    assert not [name for name in KERNELS if name.startswith(("_", "Habana", "Hpu"))]
