"""The command `gaudi`: doctor, plan, data, train, evaluate, export and bench."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from pathlib import Path

from gaudi import config, schedule
from gaudi.cluster import PeerError, describe
from gaudi.errors import DONE, FAILED, STOPPED, WRONG_INPUT, Stopped, UserError

IN_MPIRUN = "OMPI_COMM_WORLD_SIZE"


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message):
        raise UserError(f"{message}; see {self.prog} --help")


def main(arguments=None) -> int:
    """Run one command; the exit code is 0 done, 2 wrong input, 75 stopped and saved, 1 anything else."""
    code = FAILED
    if IN_MPIRUN in os.environ:
        sys.excepthook = fail_at_once
        if describe().rank:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # what all ranks find out, the first one says
    try:
        options = parse(arguments)
        code = options.run(options) or DONE
    except PeerError:
        code = WRONG_INPUT
    except UserError as error:
        code = complain(error, WRONG_INPUT)
    except Stopped as stopped:
        code = complain(stopped, STOPPED) if describe().rank == 0 else STOPPED
    except ExpectedFailure as error:
        code = complain(error, FAILED) if describe().rank == 0 else FAILED
    if code and IN_MPIRUN in os.environ:
        leave(code)
    return code


def complain(error, code: int) -> int:
    """One line on stderr, and nothing of TensorFlow's behind it (on what it did not restore from a checkpoint, say)."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    print(f"gaudi: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    return code


def fail_at_once(*error) -> None:
    """A rank that fails unforeseen prints its traceback and goes, so that mpirun ends the others too."""
    sys.__excepthook__(*error)
    leave(FAILED)


def leave(code: int) -> None:
    """End this rank now: finalising MPI would wait for ranks that may be waiting for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def parse(arguments) -> argparse.Namespace:
    """The options; key=value arguments may stand before and behind them (argparse takes only one row of them)."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    fields = [item for item in rest if "=" in item and not item.startswith("-")]
    if len(fields) < len(rest) or (fields and not hasattr(options, "overrides")):
        strange = next((item for item in rest if item not in fields), rest[0])
        raise UserError(f"{strange}: unknown argument; see gaudi {options.command} --help")
    if fields:
        options.overrides = [*options.overrides, *fields]
    return options


def parser() -> Parser:
    """All commands and their options."""
    top = Parser(prog="gaudi", description="Trains, judges and exports the models of a signature pipeline.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    doctor = command(commands, "doctor", run_doctor, "what this machine is, and whether training will start")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument("--deep", action="store_true", help="also import TensorFlow and start two ranks")
    doctor.add_argument("--report", action="store_true", help="a block to paste into a bug report")
    plan = recipe_command(commands, "plan", run_plan, "epochs, steps, batch split, learning rate and the mpirun line",
                          optional=True)
    plan.add_argument("--ranks", type=int, default=1, metavar="N")
    plan.add_argument("--device", choices=("hpu", "gpu", "cpu"), help="plan for this one, though it be elsewhere")
    plan.add_argument("--graph", action="store_true", help="trace the training step and the export, and say what would not "
                      "run on a Gaudi card as it should (loads TensorFlow and the data, runs nothing)")
    plan.add_argument("--from-model-garden", metavar="FILE", help="instead of a config: print a Model Garden experiment as one")
    data = commands.add_parser("data", help="synthesise, check and show data").add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=Parser)
    recipe_command(data, "check", run_data_check, "audit a recipe's data before training")
    show = recipe_command(data, "show", run_data_show, "draw a batch as the network is fed it")
    show.add_argument("--out", type=Path, default=Path("batch.png"), metavar="FILE.png")
    synth = command(data, "synth", run_data_synth, "write synthetic data to a folder")
    synth.add_argument("kind", help=f"one of {', '.join(kinds_with('synth'))}")
    synth.add_argument("arguments", nargs=argparse.REMAINDER, help="see gaudi data synth KIND --help")
    prepare = command(data, "prepare", run_data_prepare, "turn data that people have into what a recipe trains on")
    prepare.add_argument("kind", help=f"one of {', '.join(kinds_with('prepare_command'))}")
    prepare.add_argument("arguments", nargs=argparse.REMAINDER, help="see gaudi data prepare KIND --help")
    train = recipe_command(commands, "train", run_train, "train a recipe, or continue its run")
    train.add_argument("--ranks", type=int, default=1, metavar="N", help="processes, one a card (default 1)")
    train.add_argument("--run", type=Path, metavar="DIR", help="run folder (default runs/NAME of the config)", dest="folder")
    train.add_argument("--tensorboard", type=int, metavar="PORT", help="serve TensorBoard on this port meanwhile")
    evaluate = run_command(commands, "evaluate", run_evaluate, "judge a run on its test data: metrics.json, pictures, report")
    evaluate.add_argument("--ranks", type=int, default=1, metavar="N")
    run_command(commands, "export", run_export, "write a SavedModel and check it in a clean process")
    bench = recipe_command(commands, "bench", run_bench, "throughput, and what limits it")
    bench.add_argument("--ranks", type=int, default=1, metavar="N", help="also measure scaling to N ranks")
    bench.add_argument("--seconds", type=float, default=10.0, metavar="S", help="for each measurement (default 10)")
    bench.add_argument("--json", action="store_true", help="for programs")
    return top


def command(commands, name, run, help):
    """One command with its function."""
    made = commands.add_parser(name, help=help, description=help)
    made.set_defaults(run=run)
    return made


def recipe_command(commands, name, run, help, optional=False):
    """A command that takes a config and overrides."""
    made = command(commands, name, run, help)
    made.add_argument("config", nargs="?" if optional else None, help="a YAML file, or the name of one in configs/")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="fields to override, such as train.epochs=3")
    made.add_argument("--tiny", action="store_true", help="apply the recipe's tiny: block (seconds, to try it out)")
    return made


def run_command(commands, name, run, help):
    """A command that takes a run folder and overrides."""
    made = command(commands, name, run, help)
    made.add_argument("folder", type=Path, metavar="RUN", help="a run folder, such as runs/cleaner")
    made.add_argument("overrides", nargs="*", metavar="key=value", help="fields to override, such as device=cpu")
    return made


def run_doctor(options):
    from gaudi import doctor
    return doctor.run(deep=options.deep, as_json=options.json, report=options.report)


def run_plan(options):
    if options.from_model_garden:
        for kind in kinds_with("model_garden"):
            print("\n".join(importlib.import_module(f"models.{kind}.model_garden").convert(options.from_model_garden)))
        return
    if not options.config:
        raise UserError("plan: which config? give a YAML file or a name; see gaudi plan --help")
    from gaudi import plan
    recipe = config.load(options.config, options.overrides, options.tiny)
    check_ranks(options.ranks)
    given = ["--tiny"] * options.tiny + options.overrides
    device = plan.device_for(recipe, options.device)
    print(plan.describe(config.find(options.config), recipe, options.ranks, given, device), flush=True)
    if options.graph:
        from gaudi import graph
        print(graph.describe(recipe, device, options.ranks))


def run_data_check(options):
    recipe = config.load(options.config, options.overrides, options.tiny)
    for line in importlib.import_module(f"models.{recipe.model}.check").check(recipe):
        print(line)


def run_data_show(options):
    from gaudi import show
    show.show(config.load(options.config, options.overrides, options.tiny), options.out)


def run_data_synth(options):
    return run_kind(options, "synth", "synth")


def run_data_prepare(options):
    return run_kind(options, "prepare", "prepare_command")


def run_kind(options, action: str, file: str):
    """Hand the arguments to models/KIND/FILE.py."""
    kinds = kinds_with(file)
    if options.kind not in kinds:
        raise UserError(f"data {action}: {options.kind!r} is not known{config.near(options.kind, kinds)}; "
                        f"known are {', '.join(kinds)}")
    return importlib.import_module(f"models.{options.kind}.{file}").command(options.arguments)


def kinds_with(file: str) -> list[str]:
    """The folders in models/ that have a FILE.py: a synth.py makes data, a prepare_command.py converts it."""
    return sorted(path.parent.name for path in config.MODELS.glob(f"*/{file}.py"))


def run_train(options):
    from gaudi import loop, run
    recipe = config.load(options.config, options.overrides, options.tiny)
    folder = options.folder or run.default_folder(config.find(options.config), options.tiny)
    check_ranks(options.ranks)
    if IN_MPIRUN in os.environ:
        return train_here(recipe, folder)
    from gaudi import board
    with board.tensorboard(folder, options.tensorboard):
        if options.ranks == 1:
            return train_here(recipe, folder)
        schedule.per_rank_batch(recipe.train.global_batch, options.ranks)
        run.Run(folder).check(recipe)
        given = [str(config.find(options.config)), *options.overrides, *["--tiny"] * options.tiny, "--run", str(folder)]
        return on_ranks(options.ranks, recipe.device, ["train", *given])


def train_here(recipe, folder):
    """Train in this process, as the one rank or as one of mpirun's."""
    from gaudi import loop
    try:
        loop.train(recipe, folder)
    except loop.Diverged as error:
        raise ExpectedFailure(str(error)) from error


class ExpectedFailure(RuntimeError):
    """A failure whose message says everything: printed without a traceback, exit code 1."""


def check_ranks(ranks: int) -> None:
    """At least one."""
    if ranks < 1:
        raise UserError(f"--ranks {ranks}: must be at least 1")


def on_ranks(ranks: int, wanted_device: str, arguments: list[str]) -> int:
    """Start this command again under mpirun, one process a card."""
    from gaudi import device, launch
    kind = device.probe(wanted_device).kind
    return launch.run(ranks, [sys.executable, "-m", "gaudi.cli", *arguments], kind=kind)


def run_evaluate(options):
    check_ranks(options.ranks)
    if options.ranks > 1 and IN_MPIRUN not in os.environ:
        from gaudi import run
        recipe = run.Run(options.folder).recipe()
        return on_ranks(options.ranks, recipe.device, ["evaluate", str(options.folder), *options.overrides])
    from gaudi import evaluate
    evaluate.evaluate(options.folder, options.overrides)
    print(f"{options.folder / 'metrics.json'}, {options.folder / 'pictures'}, {options.folder / 'report.html'}")


def run_export(options):
    from gaudi import export
    try:
        export.export(options.folder, options.overrides)
    except export.ExportDiffers as error:
        raise ExpectedFailure(str(error)) from error


def run_bench(options):
    from gaudi import bench
    recipe = config.load(options.config, options.overrides, options.tiny)
    check_ranks(options.ranks)
    given = [str(config.find(options.config)), *options.overrides, *["--tiny"] * options.tiny]
    return bench.bench(recipe, given, ranks=options.ranks, seconds=options.seconds, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
