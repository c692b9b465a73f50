"""`python -m helpers.commands.bench`"""

import sys

from helpers.commands.bench.speed import main

if __name__ == "__main__":
    sys.exit(main())
