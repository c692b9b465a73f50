"""The room's hub: one machine, one account a learner. Started by `python3 workbook.py hub`, which
sets what is read from the environment here; README.md beside this file explains the choices."""

import compileall
import os
import secrets
import shutil
import socket
import sys
from pathlib import Path

from helpers.commands.hub import places
from helpers.core import settings

c = get_config()  # noqa: F821 - JupyterHub runs this file
places.prepare()
places.only_one_hub()
state = places.hub_folder() / "state"
root = os.geteuid() == 0
warmed = os.environ.get("WORKBOOK_HUB_WARMED")
if root:
    if not shutil.which("useradd"):
        sys.exit("workbook: as root the hub makes accounts with useradd, which is not here")
    places.check_reachable()
    places.share(settings.cache_folder("weights"))
    places.close_own()
    # nobody else may write beside the sources, and unread bytecode costs every kernel seconds
    compileall.compile_dir(settings.ROOT / "helpers", quiet=2)
    if warmed:
        places.share(Path(warmed))


def kept(name: str, make) -> str:
    """Something of the hub's own, made at the first start."""
    file = state / name
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"{make()}\n")
    return file.read_text().strip()


def kept_secret(name: str, size: int) -> str:
    return kept(name, lambda: secrets.token_urlsafe(size))


def kept_port(name: str) -> int:
    """A port on loopback, the same after a crash: servers that lived on come back to it."""

    def free() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return int(kept(name, free))


# --- the network: loopback, unless told otherwise; behind a reverse proxy with TLS it stays there
c.JupyterHub.bind_url = os.environ["WORKBOOK_HUB_URL"]
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = kept_port("hub_port")
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{kept_port('proxy_port')}"
c.ConfigurableHTTPProxy.command = [str(Path(sys.executable).parent / "configurable-http-proxy")]
c.ConfigurableHTTPProxy.auth_token = kept_secret("proxy_token", 32)
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")

# --- what it keeps
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.JupyterHub.db_url = f"sqlite:///{state / 'hub.sqlite'}"
c.JupyterHub.pid_file = str(state / "hub.pid")

# --- who may enter
c.Authenticator.admin_users = {"instructor"}
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = r"^[a-z][a-z0-9-]{1,19}$"
how = os.environ.get("WORKBOOK_HUB_AUTH") or "own-password"
if how == "own-password":  # everyone chooses a name and a password at the first visit
    from helpers.commands.hub.sign_up import RoomAuthenticator

    c.JupyterHub.authenticator_class = RoomAuthenticator
    c.FirstUseAuthenticator.dbm_path = str(state / "passwords")
    c.RoomAuthenticator.instructor_password = kept_secret("instructor_password", 16)
elif how == "shared-password":  # one for the room, so anybody can enter as anybody
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = os.environ["WORKBOOK_HUB_PASSWORD"]
    c.SharedPasswordAuthenticator.admin_password = kept_secret("instructor_password", 32)
elif how != "own-config":  # what WORKBOOK_HUB_CONFIG says
    sys.exit(
        f"workbook: WORKBOOK_HUB_AUTH={how} is none of own-password, shared-password, own-config"
    )

# --- the learners' servers
spawner = "AccountSpawner" if root else "SharedAccountSpawner"
c.JupyterHub.spawner_class = f"helpers.commands.hub.spawners.{spawner}"
c.Spawner.cmd = [sys.executable, "-m", "helpers.commands.hub.seat"]
# Unix sockets in the learner's closed folder: a kernel's output on a TCP port could be read by
# every account of this machine.
c.Spawner.args = [
    "--KernelManager.transport=ipc",
    "--LanguageServerManager.autodetect=False",
]
c.Spawner.environment = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "ANONYMIZED_TELEMETRY": "False",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # many share the cores: a thread each, or they wait for one another
    "WORKBOOK_THREADS": os.environ.get("WORKBOOK_THREADS") or "1",
    "OMP_NUM_THREADS": os.environ.get("WORKBOOK_THREADS") or "1",
}
c.Spawner.env_keep = ["PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL"]
for name in (
    "WORKBOOK_MODEL",
    "WORKBOOK_EMBEDDER",
    "WORKBOOK_DTYPE",
    "WORKBOOK_HUB_WARMED",
    "CHROMA_URL",
):
    if os.environ.get(name):
        c.Spawner.environment[name] = os.environ[name]
# a whole room arrives at once: above the limit JupyterHub does not queue, it refuses
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
c.JupyterHub.concurrent_spawn_limit = 100
c.JupyterHub.active_server_limit = int(os.environ.get("WORKBOOK_HUB_LEARNERS") or 0)

# --- services
c.JupyterHub.load_roles = [
    {
        "name": "culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["culler"],
    },
]
# a service that outlives a killed hub is of no use to the next one
tied = [sys.executable, "-m", "helpers.commands.hub.tied", str(os.getpid())]
c.JupyterHub.services = [
    {
        "name": "culler",
        "command": [
            *(*tied, "jupyterhub_idle_culler", "--cull-every=300"),
            f"--timeout={os.environ.get('WORKBOOK_HUB_IDLE_SECONDS') or 3600}",
        ],
    },
    {
        "name": "room",  # the instructor's board: only admins have the scope to use it
        "url": f"http://127.0.0.1:{kept_port('room_port')}",
        "command": [*tied, "helpers.commands.hub.room_service"],
        "environment": {"WORKBOOK_HUB": str(places.hub_folder())},
        "oauth_no_confirm": True,
    },
]
if not root:
    c.JupyterHub.template_vars = {
        "announcement": "This hub runs in one ordinary account: learners can read and change each"
        " other's files. It is for a trial among people who trust one another."
    }
c.JupyterHub.shutdown_on_logout = False
if own := os.environ.get("WORKBOOK_HUB_CONFIG"):  # a company's login, or limits
    load_subconfig(own)  # noqa: F821
