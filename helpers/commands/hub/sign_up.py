"""How does a learner enter? With a name and a password that they choose at their first visit, which
is theirs from then on; the instructor with the one that the hub made."""

from __future__ import annotations

import dbm

import bcrypt
from firstuseauthenticator import FirstUseAuthenticator
from traitlets import Unicode

INSTRUCTOR = "instructor"


class RoomAuthenticator(FirstUseAuthenticator):
    """Open to everyone who can reach the page. The instructor's name is taken from the start, or
    the first to choose it would be the instructor."""

    instructor_password = Unicode(config=True, help="of the learner named instructor")

    def __init__(self, **more):
        super().__init__(**more)
        self.min_password_length = 8
        with dbm.open(self.dbm_path, "c", 0o600) as known:
            if INSTRUCTOR.encode() not in known:
                hashed = bcrypt.hashpw(self.instructor_password.encode(), bcrypt.gensalt())
                known[INSTRUCTOR] = hashed
