"""How does a service of the hub end with the hub, however hard the hub was killed?

    python -m helpers.commands.hub.tied PID MODULE …

runs the module in this process, tied to the process PID, its parent: on Linux the kernel ends it
when PID is gone. A service that outlives its hub would go on with a token that the next hub does
not know, and would keep its port.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys


def tie_to(parent: int) -> None:
    """From now on this process ends with its parent; elsewhere than on Linux nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # too late: it is gone already
        sys.exit(1)


if __name__ == "__main__":
    tie_to(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
