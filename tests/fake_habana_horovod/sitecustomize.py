"""Makes the public Horovod behave like Habana's fork: its import loads the Habana module, and it says `hccl_built`."""
import importlib.util
import sys
from importlib.machinery import PathFinder


class Loader:
    """Loads horovod.tensorflow after the Habana module, then marks it."""

    def __init__(self, original):
        self.original = original

    def create_module(self, spec):
        return self.original.create_module(spec)

    def exec_module(self, module):
        from habana_frameworks.tensorflow import load_habana_module
        load_habana_module()
        self.original.exec_module(module)
        module.hccl_built = lambda: True


class Finder:
    """Stands before the ordinary finders for one module."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "horovod.tensorflow":
            return None
        spec = PathFinder.find_spec(name, path, target)
        return spec and importlib.util.spec_from_file_location(
            name, spec.origin, loader=Loader(spec.loader), submodule_search_locations=spec.submodule_search_locations)


sys.meta_path.insert(0, Finder)
