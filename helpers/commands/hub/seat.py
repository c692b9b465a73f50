"""What stands ready before a learner's server starts? `python -m helpers.commands.hub.seat …`, run
in the learner's own account: their copies of the notebooks and, at the first visit, what the
instructor's `warm` computed. Then it becomes the server. What is there already stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from helpers.commands import notebooks

# what `warm` fills; the weights are shared, not copied
WARMED = ("vectors", "indexes", "adapters", "results", "shelves", "labs", "tools", "warm")


def take_seat(warmed: Path | None) -> None:
    """The copies that are missing; and the warmed caches, where this learner has none yet."""
    os.umask(0o077)
    cache = Path(os.environ["WORKBOOK_CACHE"])
    if warmed is not None and not cache.exists():
        aside = cache.with_name("cache.coming")
        shutil.rmtree(aside, ignore_errors=True)
        for name in WARMED:
            if (warmed / name).is_dir():
                shutil.copytree(warmed / name, aside / name)
        aside.mkdir(parents=True, exist_ok=True)
        aside.rename(cache)
    Path(os.environ["JUPYTER_RUNTIME_DIR"]).mkdir(parents=True, exist_ok=True)
    lab = Path(os.environ["HOME"]) / ".jupyter" / "lab" / "user-settings" / "@jupyterlab"
    for plugin, values in LAB_SETTINGS.items():
        file = lab / f"{plugin}.jupyterlab-settings"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")
    notebooks.make_copies()


# no news from elsewhere; saved every half minute, so that little is lost and the board is fresh
LAB_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosaveInterval": 30},
}


def main() -> None:
    shared = os.environ.get("WORKBOOK_HUB_WARMED")
    take_seat(Path(shared) if shared else None)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])


if __name__ == "__main__":
    main()
