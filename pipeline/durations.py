"""How long something took, as it is told to people: in a terminal, a message, a report, a sum."""


def duration(seconds: float, digits: int = 1) -> str:
    """Two units at most, the second one of two digits; below a minute, seconds with so many decimals."""
    if round(seconds, digits) < 60:
        return f"{seconds:.{digits}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
