"""How is right or wrong saved for a whole run? As a string of "0" and "1", one a case, in the order
of the cases: short in JSON, and shares, paired comparisons and bootstraps follow from it."""

from __future__ import annotations

from collections.abc import Iterable

Bits = str


def to_bits(flags: Iterable[object]) -> Bits:
    return "".join("01"[bool(flag)] for flag in flags)


def to_flags(bits: Bits) -> list[bool]:
    return [bit == "1" for bit in bits]


def share_right(bits: Bits) -> float:
    return bits.count("1") / len(bits)
