"""`gaudi data show`: one training batch drawn as the network is fed it."""

from __future__ import annotations

from pathlib import Path

from gaudi import loop
from gaudi.cluster import describe


def show(recipe, out: Path) -> None:
    """Write the pictures of the first training batch: `out`, or out-NAME.png where the task draws several."""
    loop.open_device(recipe, describe())
    import cv2
    from gaudi import pipeline, task as tasks
    task = tasks.build(recipe)
    batch = next(iter(pipeline.training_batches(task.sources()["train"], seed=recipe.seed, rank=0, ranks=1, first_step=0,
                                                global_batch=recipe.train.global_batch, total_steps=1)))
    drawn = task.show(batch)
    out.parent.mkdir(parents=True, exist_ok=True)
    for name, picture in drawn.items():
        file = out if len(drawn) == 1 else out.with_name(f"{out.stem}-{name}{out.suffix}")
        cv2.imwrite(str(file), picture[..., ::-1])
        print(f"{file}: {name}, {picture.shape[1]}x{picture.shape[0]}")
