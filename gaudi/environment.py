"""The one place for environment settings of TensorFlow and Gaudi: what is set, why, and what must not leak in."""
import os

from gaudi.errors import UserError

# name: (value, why). They yield to what the user has set already.
TENSORFLOW_SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": ("2", "keeps TensorFlow's start-up notes off the progress line; its errors still show"),
}
GAUDI_SETTINGS = {
    "TF_BF16_CONVERSION": ("0", "bfloat16 comes from the Keras policy; the bridge's own conversion would do it twice"),
    "HABANA_PROFILE": ("0", "the load switches on a profiler that collects all the time; profiling is asked for instead"),
}
OFF = ("", "0", "false")


def apply(settings):
    """Sets what the user has not set; returns [(name, value, why)] of what it set."""
    added = [(name, value, why) for name, (value, why) in settings.items() if name not in os.environ]
    for name, value, _ in added:
        os.environ[name] = value
    return added


def limit_threads(threads):
    """Holds numpy's and OpenCV's own thread pools to this rank's share; works only before they are loaded."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))


def refuse_second_bfloat16():
    """UserError where the bridge is told to convert to bfloat16 beside the suite's own choice of precision."""
    value = os.environ.get("TF_BF16_CONVERSION", "")
    if value.lower() not in OFF:
        raise UserError(
            f"TF_BF16_CONVERSION={value} is set, but precision is chosen by `precision: auto|float32|bfloat16` alone: "
            "unset TF_BF16_CONVERSION")


def choose_module(local_rank, local_size, indexes=()):
    """Sets which card this rank opens (HLS_MODULE_ID, ID); returns notices about stale values it replaced.

    The load never overrides values it finds: one exported in the launching shell sends every rank to one card.
    A single rank keeps HLS_MODULE_ID, there it is the user's choice of a card.
    """
    modules = visible_modules() or [str(index) for index in range(local_size)]
    modules = [str(index) for index in indexes] or modules
    if local_rank >= len(modules):
        raise UserError(f"local rank {local_rank} has no card: HABANA_VISIBLE_MODULES={','.join(modules)} names "
                        f"{len(modules)}, but {local_size} ranks run on this host")
    if local_size == 1 and not indexes:
        return _kept_choice()
    return _replace("HLS_MODULE_ID", modules[local_rank]) + _replace("ID", str(local_rank))


def visible_modules():
    """HABANA_VISIBLE_MODULES as a list, sorted as the bridge sorts it (by text); empty where it is unset."""
    return sorted(part.strip() for part in os.environ.get("HABANA_VISIBLE_MODULES", "").split(",") if part.strip())


def _kept_choice():
    """Notices for one rank without a card named in the recipe."""
    notices = []
    if os.environ.pop("ID", "0") != "0":
        notices.append("ID was left over from another job: removed")
    if "HLS_MODULE_ID" in os.environ:
        notices.append(f"HLS_MODULE_ID={os.environ['HLS_MODULE_ID']} from the environment chooses the card")
    return notices


def _replace(name, value):
    """Sets a variable; a notice if another value stood there."""
    old = os.environ.get(name)
    os.environ[name] = value
    if old in (None, value):
        return []
    return [f"{name}={old} was left over from another job: replaced by {value}, or every rank would open one card"]


def bound_by_mpirun():
    """Whether Open MPI has bound this rank to cores of its own."""
    return os.environ.get("OMPI_MCA_orte_bound_at_launch") == "1"
