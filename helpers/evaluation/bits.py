"""How is right or wrong saved for a whole run? As a string of "0" and "1", one a case, in the order
of the cases: short in JSON, and shares, paired comparisons and bootstraps follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from helpers.evaluation.evaluator import share

Bits = str


def to_bits(flags: Iterable[object]) -> Bits:
    return "".join("01"[bool(flag)] for flag in flags)


def to_flags(bits: Bits) -> list[bool]:
    return [bit == "1" for bit in bits]


def share_right(bits: Bits) -> float:
    return bits.count("1") / len(bits)


def shares_right(runs: Mapping[str, Bits]) -> pd.DataFrame:
    """One line a run: the share right, its 95 % interval low..high, and n."""
    rows = {name: share(pd.DataFrame({"right": to_flags(bits)})) for name, bits in runs.items()}
    return pd.DataFrame.from_dict(rows, orient="index")
