"""Run alone (`python -I reload.py EXPORT INPUTS OUTPUTS`): answers with a SavedModel where this package cannot be imported."""

import os
import sys


def main(export, asked, answered):
    """Call `serving_default` of the SavedModel `export` on the arrays of `asked`; write its outputs to `answered`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for own in ("gaudi", "models"):
        sys.modules[own] = None  # an editable install would find them; now their import raises ImportError
    import numpy as np
    import tensorflow as tf

    loaded = tf.saved_model.load(export)
    signature = loaded.signatures["serving_default"]
    names = list(signature.structured_input_signature[1])
    with np.load(asked) as arrays:
        inputs = {name: tf.constant(arrays[name]) for name in arrays.files}
    if len(inputs) == 1 and len(names) == 1:  # Keras names the input after its layer
        inputs = {names[0]: next(iter(inputs.values()))}
    outputs = {name: value.numpy() for name, value in signature(**inputs).items()}
    if len(outputs) == 1:
        outputs["output"] = next(iter(outputs.values()))
    outputs = {name: value.astype("S") if value.dtype == object else value for name, value in outputs.items()}  # text, unpickled
    np.savez(answered, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
