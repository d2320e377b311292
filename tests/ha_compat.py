"""Lets the test plugin made for Home Assistant 2026.10 run on 2026.11.

pytest loads this before any other plugin (pyproject.toml). Can go with the first
pytest-homeassistant-custom-component made for 2026.11. On 2026.8 it has no effect.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
import sys
from types import ModuleType
from typing import override

# Puts httpx2 in httpx's place, and probatio in voluptuous', which is too late once
# another plugin (respx, for one) has imported httpx.
import homeassistant  # noqa: F401

LOGGER = "homeassistant.components.logger"


class LoggerLoader(SourceFileLoader):
    """Puts back what the plugin imports and 2026.11 moved to logger.helpers."""

    @override
    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then add to it."""
        super().exec_module(module)
        name = "_clear_logger_overwrites"
        helpers = import_module(f"{LOGGER}.helpers")
        vars(module).setdefault(name, getattr(helpers, name, None))


class LoggerFinder(MetaPathFinder):
    """Waits for that import: the plugin patches Home Assistant's core before it."""

    @override
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find that module, once."""
        if fullname != LOGGER:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = LoggerLoader(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, LoggerFinder())
