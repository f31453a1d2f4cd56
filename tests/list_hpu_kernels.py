"""Prints the kernels that Habana's TensorFlow registers for HPU, as gaudi/hpu_kernels.py holds them; needs the real wheels.

    .cache/habana/right/bin/python tests/list_hpu_kernels.py > table        (scripts/check_habana_wheels.sh makes that Python)

Without a card the load fails after half of it is done, and then most kernels are still missing: the bridge registers
them when it meets a card, by a function it exports. That function is called here; nothing else may be done afterwards.
"""
import ctypes
import os
import re
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
GAUDI = 2  # of the bridge's device types; its others register the same
REGISTRAR = "_ZN14tensorflow_hpu8multigen15OpRegistrarData"
ITS_OWN = ("_", "Habana", "Hpu")
WIDTH = 112


def registered():
    """{operator: [{attribute: types} of each kernel]} for the device HPU."""
    from habana_frameworks.tensorflow import load_habana_module
    try:
        load_habana_module()
    except AttributeError:  # no driver
        pass
    import habana_frameworks
    folder = Path(list(habana_frameworks.__path__)[0])
    library = ctypes.CDLL(str(next(folder.rglob("habana_device.so.*"))))
    instance, build = library[REGISTRAR + "11GetInstanceEv"], library[REGISTRAR + "5BuildE13synDeviceType"]
    instance.restype, build.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]
    build(instance(), GAUDI)
    import tensorflow as tf
    from tensorflow.python.framework import kernels
    found = defaultdict(list)
    for kernel in kernels.get_all_registered_kernels().kernel:
        if kernel.device_type == "HPU" and not kernel.op.startswith(ITS_OWN):
            found[kernel.op].append({rule.name: {short(tf.as_dtype(each).name) for each in rule.allowed_values.list.type}
                                     for rule in kernel.constraint})
    return found


def short(name):
    """bf16, f32, i64, u8; the others as they are."""
    return re.sub(r"^(b?)float", r"\1f", re.sub(r"^uint(?=\d)", "u", re.sub(r"^int(?=\d)", "i", name)))


def table(found):
    """Lines: the types of every attribute that all kernels of an operator restrict, then the operators alike in it."""
    groups = defaultdict(list)
    for operator, kernels in found.items():
        names = [name for name in sorted(set.intersection(*map(set, kernels))) if all(kernel[name] for kernel in kernels)]
        # sorted as the full names are: bfloat16, bool, float32, int32, ...
        groups[" ".join(f"{name}=" + ",".join(sorted(set.union(*(kernel[name] for kernel in kernels)))) for name in names)
               ].append(operator)
    for types, operators in sorted(groups.items()):
        yield types or "any"
        yield from textwrap.wrap(" ".join(sorted(operators)), WIDTH, initial_indent="    ", subsequent_indent="    ")


if __name__ == "__main__":
    print("\n".join(table(registered())), flush=True)
    sys.stdout.flush()
    os._exit(0)  # leaving in order would touch what the failed load left half-made
