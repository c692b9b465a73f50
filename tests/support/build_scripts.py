"""The programs of labs_data/build, as modules."""

from __future__ import annotations

import importlib.util

from helpers.core import settings


def build_script(name):
    """A program of labs_data/build as a module."""
    spec = importlib.util.spec_from_file_location(
        f"build_{name}", settings.DATA / "build" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
