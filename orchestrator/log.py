"""The set-up of structlog, and the redaction of secrets in all that is logged.

Logs go to stderr: warnings, and with `verbose` what is done besides. Bind what they are about with `about(run=...)`.
structlog is loaded with the first logger: it brings rich and asyncio along, a tenth of a second, and most commands have
nothing to log.
"""

import base64
import json
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

SHORTEST_SECRET = 6
"""Characters below which a secret cannot be redacted: it would be found in ordinary words."""

REDACTED = "[redacted]"

_WARNING, _INFO = 30, 20  # the levels' numbers, as Python's logging has them

_forms: list[str] = []
"""Every form of every registered secret, longest first. One list for the process: so is its stderr."""


_wanted: dict[str, Any] = {"format": "text", "verbose": False}
_about: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("about", default=())


def set_up(*, format: str = "text", verbose: bool = False) -> None:
    """Send the logs of loggers that are got from now on to stderr as `text` or `json`, one a line."""
    _wanted.update(format=format, verbose=verbose)


def get_logger(name: str) -> "FilteringBoundLogger":
    """The logger of a module."""
    import structlog  # noqa: PLC0415 - see above

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if _wanted["format"] == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            _add_about,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redaction,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_INFO if _wanted["verbose"] else _WARNING),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=False,
    )
    logger: FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


@contextmanager
def about(**names: str) -> Iterator[None]:
    """Within it, every log line of this task says what it is about: `about(run=..., host=..., step=...)`."""
    outer = _about.set((*_about.get(), *names.items()))
    try:
        yield
    finally:
        _about.reset(outer)


def _add_about(logger: "WrappedLogger", method: str, event: "EventDict") -> "EventDict":
    """The structlog processor for `about`. structlog has the like, which could not be used without loading it."""
    return {**dict(_about.get()), **event}


class _StandardError:
    """Writes lines to what stderr is at that time: the live view puts something else in its place."""

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = msg


def register_secret(value: str) -> bool:
    """Redact this value from now on; whether that can be done: one that is too short is refused, with a warning."""
    if len(value) < SHORTEST_SECRET:
        get_logger(__name__).warning(f"a secret of fewer than {SHORTEST_SECRET} characters cannot be redacted")
        return False
    # Longest first: of two secrets of which one begins with the other, the longer one must go as a whole.
    _forms[:] = sorted({*_forms, *_forms_of(value)}, key=len, reverse=True)
    return True


def _forms_of(secret: str) -> Iterator[str]:
    """How a secret can look: itself, as a literal of JSON or Python, quoted for a URL, and in base64.

    In base64 a text looks three ways, by how many bytes stand before it; what depends on its neighbours is left out.
    """
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret, errors="replace")
    yield quote(secret, safe="", errors="replace")
    yield quote_plus(secret, errors="replace")
    content = secret.encode(errors="surrogatepass")
    for before in range(3):
        coded = base64.b64encode(bytes(before) + content).decode()
        first, last = -(-before * 8 // 6), (before + len(content)) * 8 // 6
        yield coded[first:last]
        yield coded[first:last].replace("+", "-").replace("/", "_")


def redact(text: str) -> str:
    """The text with every registered secret replaced."""
    for form in _forms:
        text = text.replace(form, REDACTED)
    return text


def redaction(logger: "WrappedLogger", method: str, event: "EventDict") -> MutableMapping[str, Any]:
    """The structlog processor: replaces secrets anywhere in the event, in keys too."""
    return {redact(str(key)): _redacted(value) for key, value in event.items()}


def _redacted(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value if redact(str(value)) == str(value) else REDACTED
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): _redacted(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(each) for each in value]
    # What is left would be shown by its repr, which nobody has looked at.
    return redact(value.decode(errors="replace") if isinstance(value, bytes) else repr(value))
