"""A stand-in for Habana's TensorFlow bridge 1.14.0.493: it behaves and fails as the real module does without its card.

What was seen of the real one (tensorflow-cpu 2.15.0, CPython 3.10) and is done alike here:
the import patches Keras' convolutions; any TensorFlow but 2.15.0 is an ImportError; the load ends the process if
something was allocated before or if TensorFlow is not its CPU build; without a driver it raises AttributeError after
half of it is loaded, and then the next listing of devices or operation ends the process; it writes the environment of
several ranks and overrides nothing. With a driver's files (below GAUDI_SYS_ROOT) TensorFlow lists a device HPU, whose
operations run on the CPU, and one process holds one card.
"""
import tensorflow as tf

if tf.__version__ != "2.15.0":
    raise ImportError(f"this bridge is built for TensorFlow 2.15.0, not {tf.__version__}")

from .library_loader import habana_ops, load_habana_module  # noqa: E402,F401


def _patch_keras():
    """The real import replaces the jit-compiled convolution, so a fallback must never import the bridge."""
    from keras.src.layers.convolutional import base_conv

    def convolution_without_jit(self, inputs, kernel):
        return self.convolution_op(inputs, kernel)

    base_conv.Conv._jit_compiled_convolution_op = convolution_without_jit


_patch_keras()
