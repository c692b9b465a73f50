"""What should be built on these documents, questions and examples of your own?"""

from helpers.commands.assess.assess import assessed, default_out, plan
from helpers.commands.assess.climbed import climbed
from helpers.commands.assess.config import read_config
from helpers.commands.assess.example import write_broken, write_example
from helpers.commands.assess.folder import read_user_folder
from helpers.commands.assess.in_words import lost_by, on_trial
from helpers.commands.assess.report import arms_table, by_kind, finding
from helpers.commands.assess.schedule import DECIDING_PREPARATION, KEEP_BACK, rounds

__all__ = [
    "DECIDING_PREPARATION",
    "KEEP_BACK",
    "arms_table",
    "assessed",
    "by_kind",
    "climbed",
    "default_out",
    "finding",
    "lost_by",
    "on_trial",
    "plan",
    "read_config",
    "read_user_folder",
    "rounds",
    "write_broken",
    "write_example",
]
