"""`python -m helpers.commands.workshop COMMAND …`, which `workbook.py` runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from helpers.commands.workshop import catch_up, kit, site, warm


def _warm(options: argparse.Namespace) -> int:
    if options.measure:
        return warm.measure(options.numbers, options.measure.resolve())
    return warm.warm(options.numbers, options.again)


def _catch_up(options: argparse.Namespace) -> int:
    if options.section is None:
        return catch_up.list_checkpoints(options.number)
    return catch_up.catch_up(options.number, options.section)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="helpers.commands.workshop")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("warm")
    one.add_argument("numbers", nargs="*")
    one.add_argument("--again", action="store_true")
    one.add_argument("--measure", type=Path, metavar="DIR")
    one.set_defaults(does=_warm)
    one = commands.add_parser("catch-up")
    one.add_argument("number")
    one.add_argument("section", nargs="?")
    one.set_defaults(does=_catch_up)
    one = commands.add_parser("kit")
    one.add_argument("--check", action="store_true")
    one.set_defaults(does=lambda options: kit.kit(options.check))
    one = commands.add_parser("site")
    one.add_argument("folder", type=Path)
    one.set_defaults(does=lambda options: site.site(options.folder.resolve()))
    options = parser.parse_args(argv)
    try:
        return options.does(options)
    except (ValueError, OSError) as error:
        print(f"workbook: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
