"""`gaudi plan --graph`: is a recipe's graph ready for Gaudi? Its step, validation and export are traced, none is run."""

from __future__ import annotations

from dataclasses import dataclass

from gaudi import cluster, device as devices, schedule

WRITTEN = 6  # of each kind of finding, the most frequent


@dataclass
class Traced:
    """One graph: its name, how its inputs read, which of their sizes stay open, and what was found in it."""

    name: str
    inputs: str
    open_sizes: str
    found: object
    trains: bool  # part of training, and so to be clean; an export is made for hosts

    @property
    def clean(self) -> bool:
        """Ready for Gaudi: one compilation, all on the card."""
        return self.found.clean and not self.open_sizes


def trace(recipe, device, ranks: int, export=True) -> list[Traced]:
    """Training step and validation in the precision of `device`, the exported signatures in float32.

    An export that needs what `fit` settles after training cannot be traced before it.
    """
    precision, _ = devices.resolve_precision(recipe.precision, device)
    devices.open_device(devices.probe("cpu"), precision, seed=recipe.seed)
    import tensorflow as tf
    from gaudi import task as tasks
    task = tasks.build(recipe)
    sources = task.sources()
    per_rank = schedule.per_rank_batch(recipe.train.global_batch, ranks)
    batches = {name: batch_spec(sources[name], per_rank) for name in ("train", "validation")}
    graphs = [training_step(task, batches["train"], recipe, sources), validation(task, batches["validation"])]
    if not export or type(task).fit is not tasks.Task.fit:
        return graphs
    tf.keras.mixed_precision.set_global_policy("float32")
    return graphs + exported(tasks.build(recipe).serving())


def batch_spec(source, per_rank: int) -> dict:
    """{name: TensorSpec} of a batch of one rank, from the traced example."""
    import tensorflow as tf
    example = tf.function(source.example).get_concrete_function(tf.TensorSpec([], tf.int64), tf.TensorSpec([2], tf.int32))
    shapes = {name: tf.TensorSpec([per_rank, *value.shape] if value.shape.rank is not None else None, value.dtype)
              for name, value in example.structured_outputs.items()}
    return shapes | {"weight": tf.TensorSpec([per_rank], tf.float32)}


def training_step(task, batch: dict, recipe, sources) -> Traced:
    """The whole step of one rank: losses, gradients, updates; averaging over ranks is Horovod's own operator."""
    import tensorflow as tf
    from gaudi import operators, step
    steps = schedule.batches_of(sources["train"].size, recipe.train.global_batch)
    alone = cluster.Cluster(cluster.Ranks())
    made = step.TrainStep(task, alone, schedule.unroll(recipe.train, steps, 1))
    function = made._step.get_concrete_function(batch, tf.TensorSpec([2], tf.int32))
    return Traced("training step", written(batch), opened(batch), operators.look_through(function), True)


def validation(task, batch: dict) -> Traced:
    """The metrics of one rank's batch."""
    from gaudi import operators, step
    function = step.Validation(task, cluster.Cluster(cluster.Ranks()))._sums.get_concrete_function(batch)
    return Traced("validation", written(batch), opened(batch), operators.look_through(function), True)


def exported(serving) -> list[Traced]:
    """Every signature of the export, for inputs of the sizes of its own sample."""
    from gaudi import operators
    return [Traced(f"export {name}", written(declared), opened(declared), operators.look_through(function), False)
            for name, (declared, function) in signatures(serving).items()]


def signatures(serving) -> dict:
    """{name: (declared inputs, ConcreteFunction)}: the signatures given, or the one that Keras gives a saved model."""
    import tensorflow as tf
    if not serving.signatures:
        declared = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in serving.model.inputs}
        return {"serving_default": (declared, sized(tf.function(serving.model), declared, serving.inputs))}
    found = {}
    for name, function in serving.signatures.items():
        concrete = function if hasattr(function, "structured_input_signature") else function.get_concrete_function()
        own = concrete.inputs[:len(concrete.inputs) - len(concrete.captured_inputs)]
        declared = {tensor.op.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in own}
        found[name] = declared, sized(tf.function(function.python_function), declared, serving.inputs) \
            if hasattr(function, "python_function") and hasattr(function, "get_concrete_function") else concrete
    return found


def sized(function, declared: dict, samples: dict):
    """The function traced for the sizes of the samples, where they tell them."""
    import tensorflow as tf
    arrays = [samples.get(name) for name in declared]
    if len(samples) == len(declared):
        arrays = [own if own is not None else other for own, other in zip(arrays, samples.values())]
    specs = [tf.TensorSpec(spec.shape if array is None or array.dtype != spec.dtype else array.shape, spec.dtype, name=name)
             for (name, spec), array in zip(declared.items(), arrays)]
    return function.get_concrete_function(*specs)


def written(specs: dict) -> str:
    """Inputs as `name uint8 [8, 64, 64, 1]`."""
    return ", ".join(f"{name} {spec.dtype.name} {sizes(spec.shape)}" for name, spec in specs.items())


def sizes(shape) -> str:
    """A shape as [8, ?, 3]."""
    return "[...]" if shape.rank is None else "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def opened(specs: dict) -> str:
    """The inputs whose sizes are open, as every size that comes is a compilation of its own."""
    return ", ".join(f"{name} {sizes(spec.shape)}" for name, spec in specs.items() if not spec.shape.is_fully_defined())


def describe(recipe, device, ranks: int) -> str:
    """The report as text; its last line is the verdict on training."""
    graphs = trace(recipe, device, ranks)
    rows = [row for graph in graphs for row in rows_of(graph)]
    trained = [graph for graph in graphs if graph.trains]
    signatures_met = sum(1 for graph in trained if not graph.open_sizes)
    unclean = [graph.name for graph in trained if not graph.clean]
    rows += [("compilations", f"{signatures_met} graphs of {signatures_met} input signatures in training, from the first "
              "steps on; each export compiles once for every size of its input"),
             ("list", f"the kernels that habana-tensorflow 1.14.0.493 registers for HPU ({len_of_list()} operators); what is "
              "not in it may run on the host, be rewritten or fail: no verdict"),
             ("graph", f"not ready for Gaudi: see {', '.join(unclean)}" if unclean else
              "ready for Gaudi: static shapes, no 64-bit compute, nothing for the host")]
    return "\n".join(f"{name + ':':<15}{value}" for name, value in rows)


def len_of_list() -> int:
    """How many operators the list names."""
    from gaudi.hpu_kernels import KERNELS
    return len(KERNELS)


def rows_of(graph: Traced) -> list[tuple[str, str]]:
    """What is printed of one graph."""
    found = graph.found
    small = f" ({found.bookkeeping} on counters and keys of a few elements)" if found.bookkeeping else ""
    return [(graph.name, f"{found.kinds.total()} operators of {len(found.kinds)} kinds for {graph.inputs}"),
            ("  open sizes", graph.open_sizes or "none"), ("  dynamic", most(found.dynamic)),
            ("  64 bit", most(found.wide) + small), ("  host only", most(found.host)),
            ("  not in list", most(found.unlisted))]


def most(counter) -> str:
    """The most frequent findings as `kind x 3`."""
    if not counter:
        return "none"
    more = f" and {len(counter) - WRITTEN} more" if len(counter) > WRITTEN else ""
    return ", ".join(f"{name} x {number}" for name, number in counter.most_common(WRITTEN)) + more
