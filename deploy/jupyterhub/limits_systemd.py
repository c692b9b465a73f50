"""Memory and CPU limits that are enforced, where systemd runs the machine. Not run here.

pip install "jupyterhub-systemdspawner>=1,<2", then start the hub with WORKBOOK_HUB_CONFIG set to
this file. Each learner's server is a systemd unit of their account.
"""

from systemdspawner import SystemdSpawner

from helpers.commands.hub import places

c = get_config()  # noqa: F821 - JupyterHub runs this file


class LimitedSpawner(SystemdSpawner):
    """The hub's accounts and places, with limits around them."""

    async def start(self):
        home = places.make_account(self.user.name)
        self.username_template = places.account_of(self.user.name)
        self.environment = {**self.environment, **places.learner_environment(home)}
        return await super().start()


c.JupyterHub.spawner_class = LimitedSpawner
c.SystemdSpawner.mem_limit = "2G"
c.SystemdSpawner.cpu_limit = 1.0
c.SystemdSpawner.isolate_tmp = True
c.SystemdSpawner.disable_user_sudo = True
