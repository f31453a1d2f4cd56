"""The one place for environment settings of TensorFlow and Gaudi: what is set, why, and what must not leak in."""
import os
import stat
import tempfile
from pathlib import Path

from gaudi.errors import UserError

# name: (value, why). They are set before the import or the load that reads them, and yield to the user's own values.
TENSORFLOW_SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": ("2", "keeps TensorFlow's notes and warnings off the progress line; its errors still show"),
}
GAUDI_SETTINGS = {
    "TF_BF16_CONVERSION": ("0", "bfloat16 comes from the Keras policy; by the bridge too, it would come twice"),
    "HABANA_PROFILE": ("profile_api_light", "lets tf.profiler see the card; the load would set the same, unsaid"),
}
EFA_SETTINGS = {
    "RDMAV_FORK_SAFE": ("1", "a rank that starts a child process must not corrupt memory registered for the network"),
    "FI_EFA_USE_DEVICE_RDMA": ("1", "Gaudi's memory goes straight to AWS's network card, not through the host's"),
}
# Left unset on purpose: what each is for, should a run need it.
GAUDI_KNOBS = {
    "TF_HCCL_MEMORY_ALLOWANCE_MB": "card memory kept free for gradients in flight; smaller leaves more for the model",
    "HABANA_VISIBLE_MODULES": "which cards ranks may open, e.g. 0,1,2,3; at least one for every rank on the host",
    "HCCL_SOCKET_IFNAME": "the network interface that reaches the other hosts",
    "LOG_LEVEL_ALL": "how much SynapseAI logs below ~/.habana_logs, 0 (all) to 6 (nothing)",
}
OFF = ("", "0", "false")
CARDS_A_HOST = 8


def apply(settings):
    """Sets what the user has not set; returns [(name, value, why)] of what it set."""
    added = [(name, value, why) for name, (value, why) in settings.items() if name not in os.environ]
    for name, value, _ in added:
        os.environ[name] = value
    return added


def limit_threads(threads):
    """Holds the thread pools of numpy and OpenCV to this rank's share; they read it when they are loaded."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))


def bound_by_mpirun():
    """Whether Open MPI has bound this rank to cores of its own."""
    return os.environ.get("OMPI_MCA_orte_bound_at_launch") == "1"


def conflicts():
    """[(name, value, why it cannot stay)] of variables that make a Gaudi run wrong or end it; nothing is changed."""
    found = []
    for name in ("TF_BF16_CONVERSION", "TF_ENABLE_BF16_CONVERSION"):
        if os.environ.get(name, "").lower() not in OFF:
            found.append((name, "precision is chosen by `precision: auto|float32|bfloat16` alone, and bfloat16 done "
                                "twice, by the bridge and by Keras, is wrong"))
    if os.environ.get("TF_HOOK_MODE") in ("keras", "all"):
        found.append(("TF_HOOK_MODE", "its Keras hook does not load with TensorFlow 2.15"))
    allowance = os.environ.get("TF_HCCL_MEMORY_ALLOWANCE_MB", "1")
    if not allowance.isdigit() or int(allowance) == 0:
        found.append(("TF_HCCL_MEMORY_ALLOWANCE_MB", "it is a number of megabytes above 0"))
    if bad_modules():
        found.append(("HABANA_VISIBLE_MODULES", bad_modules()))
    return [(name, os.environ[name], why) for name, why in found]


def refuse_conflicts():
    """UserError naming the first variable that cannot stay, and all others."""
    found = conflicts()
    if found:
        name, value, why = found[0]
        also = f" (also remove {', '.join(other for other, _, _ in found[1:])})" if found[1:] else ""
        raise UserError(f"the environment has {name}={value}: {why}; unset {name}{also}")


def visible_modules():
    """HABANA_VISIBLE_MODULES as a list, sorted as the bridge sorts it (by text); empty where it is unset."""
    return sorted(part.strip() for part in os.environ.get("HABANA_VISIBLE_MODULES", "").split(",") if part.strip())


def bad_modules():
    """Why HABANA_VISIBLE_MODULES cannot be used, or None."""
    modules = visible_modules()
    if len(set(modules)) < len(modules):
        return "one card is named twice, two ranks would open it"
    if not all(module.isdigit() and int(module) < CARDS_A_HOST for module in modules):
        return f"it lists card numbers from 0 to {CARDS_A_HOST - 1}, separated by commas"
    return None


def choose_module(local_rank, local_size, indexes=()):
    """Names the card this rank opens (HLS_MODULE_ID, ID); returns what it said about stale values it removed.

    The load names it too, but never overrides what it finds: a value exported in the launching shell would send
    every rank to one card. With a single rank HLS_MODULE_ID stays: there it is the user's choice.
    """
    modules = visible_modules()
    if modules and local_size > len(modules):
        raise UserError(f"{local_size} ranks run on this host, but HABANA_VISIBLE_MODULES={','.join(modules)} names "
                        f"{len(modules)} card(s): name one for every rank, or unset it")
    modules = modules or [str(number) for number in range(CARDS_A_HOST)]
    if indexes:
        return _replace("HLS_MODULE_ID", modules[indexes[local_rank]]) + _replace("ID", str(local_rank))
    if local_size > 1:
        return _replace("HLS_MODULE_ID", modules[local_rank]) + _replace("ID", str(local_rank))
    notices = _replace("ID", "0") if "ID" in os.environ else []
    if "HLS_MODULE_ID" in os.environ:
        notices.append(f"HLS_MODULE_ID={os.environ['HLS_MODULE_ID']} from the environment chooses the card")
    return notices


def _replace(name, value):
    """Sets a variable; says so if it had another value."""
    old = os.environ.get(name)
    os.environ[name] = value
    return [] if old in (None, value) else [f"{name}={old} was left over from another job, now {name}={value}"]


def use_recipe_cache():
    """Keeps compiled graphs between runs, and one rank of a host compiles for all; returns the folder, or None.

    It lies on a local disk, for ranks lock files in it, and is this user's own: whoever can write there puts
    programs on the card. TF_RECIPE_CACHE_PATH names another folder; empty switches it off.
    """
    folder = os.environ.get("TF_RECIPE_CACHE_PATH")
    if folder is None:
        folder = Path(tempfile.gettempdir()) / f"gaudi-recipes-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            facts = folder.lstat()
        except OSError:
            return None
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o022:
            return None
        os.environ["TF_RECIPE_CACHE_PATH"] = str(folder)
    return str(folder)
