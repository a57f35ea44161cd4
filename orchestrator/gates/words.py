"""How long, in words."""


def period(seconds: float) -> str:
    """A time that somebody chose, as a playbook has it: 90 is `1m30s`, 5400 is `1h30m`, 0.5 is `0.5s`."""
    if seconds < 1 or seconds != int(seconds):
        return f"{seconds:g}s"
    parts = []
    left = int(seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    return "".join(parts)
