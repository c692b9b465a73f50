"""The room's board as a service of the hub, at /services/room/: for the instructor alone, who is
asked to enter as everywhere in the hub."""

from __future__ import annotations

import os
from urllib.parse import urlparse

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado import ioloop, web

from helpers.commands.hub import room


class RoomHandler(HubOAuthenticated, web.RequestHandler):
    """The scope to use this service is asked for by default, and only admins have it."""

    @web.authenticated
    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        asked = {name: self.get_query_argument(name, "") == "1" for name in ("names", "outcome")}
        self.write(room.page(self.settings["room"], **asked))


def main() -> None:
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    app = web.Application(
        [(prefix, RoomHandler), (f"{prefix}oauth_callback", HubOAuthCallbackHandler)],
        cookie_secret=os.urandom(32),
        room=room.Room(),
    )
    place = urlparse(os.environ["JUPYTERHUB_SERVICE_URL"])
    app.listen(place.port, address=place.hostname)
    ioloop.IOLoop.current().start()


if __name__ == "__main__":
    main()
