"""`python -m helpers.commands.check`"""

import sys

from helpers.commands.check.check_data import main

if __name__ == "__main__":
    sys.exit(main())
