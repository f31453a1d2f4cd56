"""Events of the device: one GraphCompilation event for every graph (function and shapes) that is run first."""
import os
import time
from collections import namedtuple

from tensorflow.core.util import event_pb2
from tensorflow.python.eager.polymorphic_function import concrete_function
from tensorflow.python.framework import tensor_util
from tensorflow.python.summary.writer import event_file_writer

from .library_loader import is_loaded

assert is_loaded(), "load_habana_module() comes before habana_device"

listeners = []


class event_log:
    """Writes and hands out events, named as in the real module."""

    class EventTag:
        GraphCompilation = "GraphCompilation"

    GraphCompilationEvent = namedtuple("GraphCompilationEvent", ("graph_name", "duration", "is_success"))

    @staticmethod
    def enable_event_log(log_output_directory):
        """Writes an event file below the directory from now on."""
        os.makedirs(log_output_directory, exist_ok=True)
        writer = event_file_writer.EventFileWriter(log_output_directory, filename_suffix=".habana")

        def write(event):
            writer.add_event(event)
            writer.flush()

        listeners.append(write)
        _watch()

    @staticmethod
    def set_event_dispatcher(func):
        """Calls `func` with every event."""
        listeners.append(func)
        _watch()

    @staticmethod
    def create_graph_compilation_tuple_from_event(event):
        """(graph name, seconds, whether it succeeded) of an event."""
        name, duration, success = (value.tensor for value in event.summary.value)
        return event_log.GraphCompilationEvent(name.string_val[0], duration.double_val[0], success.bool_val[0])


def _watch():
    """Sees every concrete function's first call from the host, which is when the real device compiles it."""
    original = concrete_function.ConcreteFunction._call_flat
    if getattr(original, "watched", False):
        return

    def call(self, tensor_inputs, captured_inputs):
        started = time.perf_counter()
        result = original(self, tensor_inputs, captured_inputs)
        if not getattr(self, "compiled_by_fake", False):
            self.compiled_by_fake = True
            _tell(self.name, time.perf_counter() - started)
        return result

    call.watched = True
    concrete_function.ConcreteFunction._call_flat = call


def _tell(name, seconds):
    """Hands one GraphCompilation event to all listeners."""
    event = event_pb2.Event(wall_time=time.time())
    for tag, value, kind in (("GraphCompilation", name, None), ("duration", seconds, "float64"),
                             ("is_success", True, None)):
        entry = event.summary.value.add(tag=tag)
        entry.tensor.CopyFrom(tensor_util.make_tensor_proto(value, dtype=kind))
    for listener in listeners:
        listener(event)
