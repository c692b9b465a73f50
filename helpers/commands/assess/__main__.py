"""`python -m helpers.commands.assess`"""

import sys

from helpers.commands.assess.assess import main

if __name__ == "__main__":
    sys.exit(main())
