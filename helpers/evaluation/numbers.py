"""How is a share with its interval written? One form for figures, reports and the journal."""


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def percents(low: float, high: float) -> str:
    """An interval of shares, as "12 to 30 %"."""
    return f"{100 * low:.0f} to {percent(high)}"


def share_of(count: int, n: int) -> str:
    """count of n in percent; "<1 %" where it is not nothing, ">99 %" where it is not all."""
    text = percent(count / n)
    return "<1 %" if count and text == "0 %" else ">99 %" if count < n and text == "100 %" else text
