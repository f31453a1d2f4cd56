"""The load: order, failures, environment and the device HPU, as the real module has them."""
import fcntl
import logging
import os
import sys
from importlib import metadata
from pathlib import Path

from tensorflow.python.eager import context

SYSTEM = Path(os.environ.get("GAUDI_SYS_ROOT", "/"))
ACCEL = SYSTEM / "sys/class/accel/accel0/device"
CARDS = 8
log = logging.getLogger("fake habana")
held = []  # the open file of this process's card


class Operators:
    """The bridge's operators; `loaded` turns true in the middle of the load, also of one that fails afterwards."""

    loaded = False


habana_ops = Operators()


def is_loaded():
    """Whether the operators are there; says nothing about whether the load came to its end."""
    return habana_ops.loaded


def load_habana_module(allow_op_override=None):
    """Registers the device HPU."""
    if is_loaded():
        return
    _check_driver()
    _describe_rank()
    os.environ.setdefault("HABANA_PROFILE", "profile_api_light")
    _load_library()
    _install_hooks()
    habana_ops.loaded = True
    kind = _device_type()
    if kind is None:
        _break_tensorflow()
    several_hosts = _number("SIZE", 1) > _number("LOCAL_SIZE", 1)
    if kind.split()[0] not in ("GAUDI", "GAUDI2") or (several_hosts and kind.split()[0] == "GAUDI"):
        os.environ["TF_USE_SIGNALING_FROM_ENCAP_OP"] = "0"
    _add_device()


def _check_driver():
    """A word in the log if the driver is another version's or absent, no more."""
    try:
        version = (ACCEL / "driver_ver").read_text(encoding="utf-8").strip()
    except OSError:
        log.warning("no driver version to be read")
        return
    if "1.14.0" not in version:
        log.warning("driver %s is not the bridge's 1.14.0", version)


def _number(name, default):
    """An integer of Open MPI's or Horovod's description of this rank."""
    for variable in (f"OMPI_COMM_WORLD_{name}", f"HOROVOD_{name}"):
        if variable in os.environ:
            return int(os.environ[variable])
    return default


def _describe_rank():
    """With several ranks: ID, HLS_MODULE_ID and the prefixes of dumped graphs; values found are kept."""
    if _number("SIZE", 1) == 1:
        return
    local_rank = _number("LOCAL_RANK", None)
    if local_rank is not None:
        os.environ.setdefault("ID", str(local_rank))
        _select_module(local_rank)
    prefix = f"rank_{_number('RANK', 0)}_"
    for name in ("TF_RANK_PREFIX", "HBN_TF_GRAPH_PREFIX"):
        os.environ[name] = os.environ.get(name, "") + prefix
    if os.environ.get("TF_DUMP_GRAPH_PREFIX"):
        os.environ["TF_DUMP_GRAPH_PREFIX"] += prefix


def _select_module(local_rank):
    """HLS_MODULE_ID: kept if set, else the visible module in order of text, else the local rank."""
    if "HLS_MODULE_ID" in os.environ:
        log.warning("HLS_MODULE_ID=%s is kept", os.environ["HLS_MODULE_ID"])
    elif "HABANA_VISIBLE_MODULES" in os.environ:
        visible = sorted(os.environ["HABANA_VISIBLE_MODULES"].split(","))
        assert local_rank < len(visible), "not enough devices in HABANA_VISIBLE_MODULES"
        os.environ["HLS_MODULE_ID"] = visible[local_rank]
    else:
        os.environ["HLS_MODULE_ID"] = str(local_rank)


def abort(message):
    """Ends the process as a failed CHECK in the real library does: no exception, no clean-up."""
    sys.stderr.write(f"F habana_device: {message}\n")
    sys.stderr.flush()
    os.abort()


def _load_library():
    """The two ends of the process that the shared library has in store."""
    started = context.context_safe()
    if started is not None and started._initialized:
        abort("Check failed: !first_alloc_made_")
    try:
        metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        return
    abort("Already registered collective NcclReduce")


def _install_hooks():
    """The Keras hook looks for modules that Keras 2.15 has moved."""
    if os.environ.get("TF_HOOK_MODE") in ("keras", "all"):
        from keras.engine import training  # noqa: F401


def _device_type():
    """The first line of the driver's device_type, or None without a driver."""
    try:
        return (ACCEL / "device_type").read_text(encoding="utf-8").splitlines()[0]
    except OSError:
        return None


def _break_tensorflow():
    """After the failed load, whatever reaches for devices ends the process."""
    def ended(*arguments, **names):
        abort("no device after a load that failed")

    for name in ("ensure_initialized", "list_physical_devices"):
        setattr(context.Context, name, ended)


def _add_device():
    """Lists HPU:0 among the devices; its operations land on the CPU by soft placement."""
    listed = {"list_physical_devices": context.PhysicalDevice("/physical_device:HPU:0", "HPU"),
              "list_logical_devices": context.LogicalDevice("/device:HPU:0", "HPU")}
    for name, hpu in listed.items():
        setattr(context.Context, name, _with_hpu(getattr(context.Context, name), hpu))
    start = context.Context.ensure_initialized

    def start_with_card(self):
        if not held:
            _acquire_card()
        return start(self)

    context.Context.ensure_initialized = start_with_card


def _with_hpu(lister, hpu):
    """A lister of devices that also knows the HPU."""
    def listing(self, device_type=None):
        found = lister(self, device_type)
        return found + [hpu] if device_type in (None, "HPU") else found
    return listing


def _acquire_card():
    """One process a card: HLS_MODULE_ID's, or the first free one; a card that is taken ends the process."""
    wanted = os.environ.get("HLS_MODULE_ID")
    for module in [wanted] if wanted else [str(number) for number in range(CARDS)]:
        node = SYSTEM / f"dev/accel/accel{module}"
        if not node.exists():
            continue
        card = open(node, "rb")
        try:
            fcntl.flock(card, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            card.close()
            continue
        held.append(card)
        return
    abort(f"synDeviceAcquire failed for module {wanted or 'any'}")
