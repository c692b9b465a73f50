"""`python -m helpers.commands.bench`"""

import signal
import sys

from helpers.commands.bench.speed import main

if __name__ == "__main__":
    # as an exception, so that servers and processes of the benchmarks end with it
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
