"""Looks through a traced graph, nested functions too, for what Gaudi recompiles, leaves to the host or may not know."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Callable

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def
from tensorflow.python.ops import handle_data_util

from gaudi.hpu_kernels import KERNELS

BOOKKEEPING = 8  # elements: step counters, random keys and shapes are 64 bit and small, and cost nothing
WIDE = (tf.int64, tf.uint64, tf.float64, tf.complex64, tf.complex128)
HANDED_ON = ("Placeholder", "Const", "Identity", "IdentityN", "ReadVariableOp", "VarHandleOp", "_Arg", "_Retval")
HOST_ONLY = ("PyFunc", "PyFuncStateless", "EagerPyFunc", "HashTableV2", "LookupTableFindV2", "Print", "PrintV2")
NOT_NUMBERS = (tf.resource, tf.variant, tf.string)
NOT_MADE = (("FusedBatchNormV3", 5), ("FusedBatchNormGradV3", 3), ("FusedBatchNormGradV3", 4))  # room kept for cuDNN


@dataclass
class Body:
    """The graph of a called function, as far as a FuncGraph is looked at."""

    get_operations: Callable
    outputs: list
    control_outputs: list


@dataclass
class Findings:
    """What a graph holds: {operator and what is wrong with it: how often}."""

    kinds: Counter = field(default_factory=Counter)  # every operator by its type
    dynamic: Counter = field(default_factory=Counter)  # the shape is not known before it runs
    wide: Counter = field(default_factory=Counter)  # computes in 64 bits
    host: Counter = field(default_factory=Counter)  # Python, strings, lookup tables
    unlisted: Counter = field(default_factory=Counter)  # hpu_kernels does not name it, or not for these types
    bookkeeping: int = 0  # operators on 64-bit values of a few elements

    @property
    def clean(self) -> bool:
        """Whether nothing recompiles, computes in 64 bits or runs on the host for what it is; `unlisted` is no verdict."""
        return not (self.dynamic or self.wide or self.host)


def look_through(function) -> Findings:
    """Findings of a ConcreteFunction."""
    found = Findings()
    for operator in operators(function.graph):
        note(operator, found)
    return found


def operators(graph):
    """Every operator that `graph` runs, and those of the functions it calls; what is constant is folded before it runs."""
    constant: set = set()
    for operator in reached(graph):
        if folds(operator, constant):
            constant.add(operator)
            continue
        yield operator
        for name in called(operator):
            yield from operators(body(name, operator))


def reached(graph) -> list:
    """The operators that outputs and effects need, inputs before users: the others are not run."""
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    needed = set()
    while waiting:
        operator = waiting.pop()
        if operator not in needed:
            needed.add(operator)
            waiting += [tensor.op for tensor in operator.inputs] + list(operator.control_inputs)
    return [operator for operator in graph.get_operations() if operator in needed]


def folds(operator, constant: set) -> bool:
    """Whether TensorFlow replaces an operator by its value: constant inputs, or the shape of a static one."""
    if operator.type == "Const":
        return True
    if operator.type in ("Shape", "ShapeN", "Size", "Rank"):
        return all(tensor.shape.is_fully_defined() for tensor in operator.inputs)
    inputs = [tensor.op for tensor in operator.inputs]
    return bool(inputs) and not operator.op_def.is_stateful and not called(operator) and all(op in constant for op in inputs)


def called(operator) -> list[str]:
    """Names of the functions an operator calls: bodies of If and While, and calls as such."""
    return called_by(operator.node_def)


def called_by(node) -> list[str]:
    """Names of the functions in a NodeDef's attributes."""
    values = [value for name, value in node.attr.items() if not name.startswith("_")]
    return [function.name for value in values for function in [value.func, *value.list.func] if function.name]


def arguments(operator):
    """The tensors a called function gets: a loop's body gets what the loop returns, a branch all but the condition."""
    if operator.type in ("If", "StatelessIf", "Case", "StatelessCase"):
        return operator.inputs[1:]
    return operator.outputs if operator.type in ("While", "StatelessWhile") else operator.inputs


def body(name, operator) -> Body:
    """The graph of a called function, with the shapes and the variables that its caller gives it."""
    definition = context.context().get_function_def(name)
    given = arguments(operator)
    if len(given) != len(definition.signature.input_arg):
        given = [None] * len(definition.signature.input_arg)
    shapes = [tf.TensorShape(None) if tensor is None else tensor.shape for tensor in given]
    graph_def, names = function_def_to_graph_def(definition, input_shapes=shapes)
    for node, tensor in zip(graph_def.node, given):  # the placeholders come first
        name_variable(node, tensor, operator)
    graph_def.library.function.extend(context.context().get_function_def(inner) for inner in callees(graph_def))
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name="")
    outputs = [graph.get_tensor_by_name(names[definition.ret[out.name]]) for out in definition.signature.output_arg]
    return Body(graph.get_operations, outputs, [graph.get_operation_by_name(name) for name in definition.control_ret.values()])


def name_variable(node, tensor, operator) -> None:
    """Turn the placeholder of a variable into its handle, which knows the variable's shape."""
    if tensor is None or tensor.dtype != tf.resource:
        return
    if operator.type in ("While", "StatelessWhile"):
        tensor = operator.inputs[tensor.value_index]
    data = handle_data_util.get_resource_handle_data(tensor)
    if data.is_set and len(data.shape_and_type) == 1:
        node.op = "VarHandleOp"
        node.attr.clear()
        node.attr["dtype"].type = data.shape_and_type[0].dtype
        node.attr["shape"].shape.CopyFrom(data.shape_and_type[0].shape)


def callees(graph_def) -> set[str]:
    """Names of all functions called in a GraphDef, and by those."""
    waiting, met = list(graph_def.node), set()
    while waiting:
        for name in called_by(waiting.pop()):
            if name not in met:
                met.add(name)
                waiting += context.context().get_function_def(name).node_def
    return met


def note(operator, found: Findings) -> None:
    """Enter one operator into the findings."""
    kind, outputs = operator.type, operator.outputs
    found.kinds[kind] += 1
    open_shapes = [tensor.shape for place, tensor in enumerate(outputs) if (kind, place) not in NOT_MADE
                   and tensor.dtype not in NOT_NUMBERS and not tensor.shape.is_fully_defined()]
    if open_shapes:
        found.dynamic[f"{kind} {open_shapes[0]}"] += 1
    if kind in HOST_ONLY or any(tensor.dtype == tf.string for tensor in [*operator.inputs, *outputs]):
        found.host[kind] += 1
    for tensor in outputs:
        if tensor.dtype in WIDE and kind not in HANDED_ON:
            if (tensor.shape.num_elements() or BOOKKEEPING + 1) <= BOOKKEEPING:
                found.bookkeeping += 1
            else:
                found.wide[f"{kind} {tensor.dtype.name} {tensor.shape}"] += 1
    missing = not_listed(operator)
    if missing:
        found.unlisted[missing] += 1


def not_listed(operator) -> str:
    """The operator, and the type that hpu_kernels does not name for it, or an empty text."""
    if operator.type == "Placeholder":
        return ""
    if operator.type not in KERNELS:
        return operator.type
    for attribute, allowed in KERNELS[operator.type].items():
        value = operator.node_def.attr.get(attribute)
        if value is not None and value.type and tf.as_dtype(value.type).name not in allowed:
            return f"{operator.type} {attribute}={tf.as_dtype(value.type).name}"
    return ""
