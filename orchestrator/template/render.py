"""A template and its values: to one word, to a value, to a decision. Shell text is in `shell_text`."""

import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from jinja2 import Template, Undefined
from jinja2 import TemplateError as JinjaError

from orchestrator.model.ids import Value
from orchestrator.model.near import did_you_mean_one_of
from orchestrator.model.origin import Text
from orchestrator.template.compiled import MAX_TEXT, Compiled, compile_text
from orchestrator.template.error import Fault, TemplateError
from orchestrator.template.language import LANGUAGE, Hole, Missing, methods_of
from orchestrator.template.words import kind_of, whole, word_of

_FAILURES = (
    *(JinjaError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError, RuntimeError, MemoryError),
    NameError,  # 1e999 is `inf` in the generated code
)
"""What an author's expression can raise, besides our own Fault: `1 / 0`, `'a' < 1`, `range(999999)`."""

_TOO_LONG = f"the rendered text is longer than {MAX_TEXT} characters"


def render_word(text: Text, values: Mapping[str, Value]) -> str:
    """The text as it is, with every value as it is: a word that no shell reads. Raises TemplateError."""
    template, chunks, holes = expand(text, values)
    rendered = [chunks[0]]
    for hole, chunk in zip(holes, chunks[1:], strict=True):
        rendered += _word(text, template, hole), chunk
    return bounded(text, rendered)


def render_value(text: Text, values: Mapping[str, Value]) -> Value:
    """The value itself, whatever its type, of a text that is one `{{ }}`; else the text as one word.

    Raises TemplateError.
    """
    _, chunks, holes = expand(text, values)
    if len(holes) == 1 and chunks == ["", ""]:
        value: Value = holes[0].value
        return value
    return render_word(text, values)


def find_value(text: Text, values: Mapping[str, Value]) -> Value:
    """What an expression gives, whatever its type. Raises TemplateError."""
    _, _, holes = expand(text, values, expression=True)
    value: Value = holes[0].value
    return value


def evaluate(text: Text, values: Mapping[str, Value]) -> bool:
    """What an expression decides. Raises TemplateError, also when it gives anything but a boolean."""
    value = find_value(text, values)
    if isinstance(value, bool):
        return value
    fixes = {
        "a string": "compare it, as in `x == 'yes'`, or write `x | length > 0`",
        "a list": "write `x | length > 0`",
        "a mapping": "write `x | length > 0`",
        "a number": "compare it, as in `x != 0`",
        "null": "write `x is not none`",
    }
    kind = kind_of(value)
    raise Fault(f"the expression gives {kind}, not true or false", fixes.get(kind, "compare it")).of(text)


def blank_entry(text: Text, values: Mapping[str, Value], entries: Collection[str]) -> str:
    """The first `name.entry`, of these entries, whose value comes out empty in this text; '' where none does.

    Raises TemplateError.
    """
    template, _, holes = expand(text, values, marks=True)
    for hole in holes:
        if isinstance(hole.value, str) and not hole.value.strip():
            for name, entry in sorted(template.reads_of[hole.number]):
                if entry in entries:
                    return f"{name}.{entry}"
    return ""


def undefined(text: Text, name: str, known: Collection[str], *, expression: bool = False) -> TemplateError:
    """The error of a text that needs a variable which is not among the known ones."""
    return _undefined(compile_text(text, expression=expression), name, known).of(text)


def _undefined(template: Compiled, name: str, known: Collection[str]) -> Fault:
    guard = f"ask `{name} is defined`" if template.expression else f"write `{name} | default('...')`"
    fix = did_you_mean_one_of(name, known) or f"define it, or {guard}"
    return Fault(f"`{name}` is not defined", fix, offset=template.find(name), undefined=name)


def expand(
    text: Text, values: Mapping[str, Value], *, expression: bool = False, marks: bool = False
) -> tuple[Compiled, list[str], list[Hole]]:
    """The author's text before, between and after the values, and the values. Only the names it reads are looked up.

    marks: its filters may say how a value stands in a shell command. Raises TemplateError.
    """
    template = compile_text(text, expression=expression, marks=marks)
    if template.template is None:
        bounded(text, [template.source])
        return template, [template.source], []
    picked = {name: values[name] for name in template.names if name in values}
    chunks: list[str] = [""]
    holes: list[Hole] = []
    size = 0
    try:
        for part in _parts(template.template, picked):
            if isinstance(part, str):
                chunks[-1] += part
                size += len(part)
            else:
                holes.append(_defined(part))
                chunks.append("")
                size += len(part.value) if isinstance(part.value, str) else 1
            if size > MAX_TEXT:
                raise Fault(_TOO_LONG)
    except Missing as missing:
        raise _explained(missing, template, values).of(text) from None
    except Fault as fault:
        fault.offset = _where(fault, template)
        raise fault.of(text) from None
    except _FAILURES as error:
        raise Fault(f"the template fails: {error}", offset=_where(error, template)).of(text) from None
    return template, chunks, holes


def _parts(template: Template, values: Mapping[str, Value]) -> Iterator[str | Hole]:
    """What the template yields: the Language makes it yield more than Jinja's types say."""
    context = template.new_context({**LANGUAGE.globals, **values}, shared=True)  # shared: not copied once more
    return cast(Iterator[str | Hole], template.root_render_func(context))


def _defined(hole: Hole) -> Hole:
    """The hole. Raises Missing when its value is undefined."""
    if isinstance(hole.value, Undefined):
        str(hole.value)
    return hole


def _explained(missing: Missing, template: Compiled, values: Mapping[str, Value]) -> Fault:
    """What was undefined, and what is there instead."""
    owner, name = missing.owner, missing.name
    if name is None:
        return Fault("a value is undefined" + (f": {missing.hint}" if missing.hint else ""))
    if owner is None:
        return _undefined(template, str(name), set(values))
    known = list(owner) if isinstance(owner, Mapping) else sorted(methods_of(owner))
    fix = f"it has {' '.join(map(str, known[:12]))}" if known else ""
    of = next((f"`{of}`" for of, entry in sorted(template.reads) if entry == name), kind_of(owner))
    written = str(name) in template.source  # what was computed may be a secret
    what = (f"`{name}`" if isinstance(name, str) else f"item {name}") if written else "such entry"
    return Fault(f"{of} has no {what}", fix, offset=template.find(name))


def _where(error: BaseException, template: Compiled) -> int | None:
    """The offset of the tag in which the error arose, by the line of the generated code."""
    if template.template is None:
        return None
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
    return template.tag_on(template.template.get_corresponding_lineno(lines[-1])) if lines else None


def _word(text: Text, template: Compiled, hole: Hole) -> str:
    try:
        return word_of(hole.value)
    except Fault as fault:
        fault.offset = template.holes[hole.number]
        raise fault.of(text) from None


def bounded(text: Text, parts: Sequence[str]) -> str:
    """The parts as one text. Raises TemplateError where it is too long, or no text."""
    rendered = "".join(parts)
    try:
        if len(rendered) > MAX_TEXT:
            raise Fault(_TOO_LONG)
        return whole(rendered)
    except Fault as fault:
        raise fault.of(text) from None
