"""How is a learner's server started? As root each in an account of their own, which is what keeps
them apart; as an ordinary user all in the hub's account, which keeps nobody apart."""

from __future__ import annotations

import os
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner, set_user_setuid

from helpers.commands.hub import places
from helpers.core import settings


class SharedAccountSpawner(LocalProcessSpawner):
    """All learners in the account of the hub: for a trial. They can read each other's files."""

    def make_preexec_fn(self, name):
        return lambda: None

    def user_env(self, env):
        return env | places.learner_environment(places.home_of(self.user.name))

    def _options_and_place(self) -> None:
        home = places.home_of(self.user.name)
        home.mkdir(mode=0o700, exist_ok=True)
        top = Path(os.path.commonpath([settings.ROOT, home]))
        mine = (home / "my_work" / "notebooks").relative_to(top).as_posix()
        # the copies link to files of the course, so the top holds both
        self.notebook_dir = str(top)
        self.default_url = f"/lab/tree/{mine}/00_start_here.ipynb"

    async def start(self):
        self._options_and_place()
        return await super().start()


class AccountSpawner(SharedAccountSpawner):
    """Each learner in an account of their own, made at the first visit; needs root."""

    def make_preexec_fn(self, name):
        return set_user_setuid(places.account_of(name))

    async def start(self):
        places.make_account(self.user.name)
        return await super().start()
