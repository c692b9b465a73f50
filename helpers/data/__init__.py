"""What lies in labs_data, and in a folder of the user's own: as typed records, checked?"""

from helpers.data.askers import load_askers
from helpers.data.facts import (
    changes_of,
    load_asks,
    load_canary,
    load_general,
    load_training,
    renewed,
)
from helpers.data.handbook import HANDBOOK, Document, load_handbook, may_see
from helpers.data.ingest import copy_handbook, read_folder
from helpers.data.json_schema import load_schema
from helpers.data.label_audit import label_audit
from helpers.data.labelled_rows import plain, read_labelled, split
from helpers.data.questions import load_questions, load_users, locate, pick
from helpers.data.reading import load_reading
from helpers.data.requests import ROUTES, load_requests
from helpers.data.tickets import FIELDS, load_tickets, parse_strict

__all__ = [
    "FIELDS",
    "HANDBOOK",
    "ROUTES",
    "Document",
    "changes_of",
    "copy_handbook",
    "label_audit",
    "load_askers",
    "load_asks",
    "load_canary",
    "load_general",
    "load_handbook",
    "load_questions",
    "load_reading",
    "load_requests",
    "load_schema",
    "load_tickets",
    "load_training",
    "load_users",
    "locate",
    "may_see",
    "parse_strict",
    "pick",
    "plain",
    "read_folder",
    "read_labelled",
    "renewed",
    "split",
]
