"""What a step runs, as people write it: exactly one key, of one of the step kinds."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema, create_model
from pydantic.config import JsonDict

from orchestrator.load.beside import Beside
from orchestrator.load.document import Document
from orchestrator.load.problems import Finding, Loc
from orchestrator.load.shape import S, Shape
from orchestrator.model.origin import COMMAND_LINE, Origin, Text
from orchestrator.model.playbook import Body
from orchestrator.steps import KINDS
from orchestrator.steps.kind import FileUse, StepKind

SPELLINGS: Mapping[str, StepKind] = {
    spelling: kind for kind in KINDS.values() for spelling in (kind.name, *kind.aliases)
}
"""Every key that says what a step runs, and its kind."""


def one_of(*others: str) -> JsonDict:
    """What `one_body` checks, as a part of a JSON Schema. others: keys besides those of the step kinds."""
    return {"oneOf": [{"required": [spelling]} for spelling in (*SPELLINGS, *others)]}


ONE_BODY: JsonDict = one_of()


def with_bodies(shape: type[S]) -> type[S]:
    """The shape, with a key more for each spelling of each step kind."""
    fields: dict[str, Any] = {_attribute(spelling): _field(spelling, kind) for spelling, kind in SPELLINGS.items()}
    return create_model(shape.__name__, __base__=shape, __module__=shape.__module__, __doc__=shape.__doc__, **fields)


def _attribute(spelling: str) -> str:
    """What a key's field is called: `copy` is a method of every model."""
    return f"{spelling}_" if hasattr(Shape, spelling) else spelling


def _field(spelling: str, kind: StepKind) -> Any:
    def check(value: Any) -> Any:
        value = _with_numbers_as_text(value)
        kind.read(value, lambda _: COMMAND_LINE)
        return value

    help = kind.help if spelling == kind.name else f"Another word for `{kind.name}`."
    annotation = Annotated[Any, AfterValidator(check), WithJsonSchema(dict(kind.schema))]
    return annotation, Field(default=None, description=help, examples=[kind.example])


def _with_numbers_as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [str(word) if isinstance(word, int) and not isinstance(word, bool) else word for word in value]
    return value


def one_body(given: Collection[str], *, known: Collection[str], others: Collection[str] = ()) -> Iterator[Finding]:
    """What is wrong when a step does not have exactly one body. others: keys that may stand in place of one."""
    return exactly_one(given, keys=(*SPELLINGS, *others), offer=KINDS, known=known)


def exactly_one(
    given: Collection[str], *, keys: Collection[str], offer: Collection[str], known: Collection[str]
) -> Iterator[Finding]:
    """What is wrong when not exactly one of these keys is given; nothing where one may only be misspelt."""
    here = [key for key in given if key in keys]
    if not here and all(key in known for key in given):
        yield Finding(problem=f"{' or '.join(offer)} is missing", fix="write exactly one of them")
    for key in here[1:]:
        yield Finding(
            loc=(key,), problem=f"{here[0]} and {key} exclude each other", fix="keep one of them", on_key=True
        )


def read_body(shape: Shape, document: Document, loc: Loc, beside: Beside) -> Body:
    """What the shape of a step at this path runs, with the file that it names."""
    spelling = next(key for key in SPELLINGS if _attribute(key) in shape.model_fields_set)
    kind, value = SPELLINGS[spelling], getattr(shape, _attribute(spelling))
    texts = kind.read(value, lambda path: document.text_origin((*loc, spelling, *path)))
    needed = kind.needs(value)
    if needed is None:
        return Body(kind=kind.name, texts=texts)
    path, file = beside.read(needed, document, (*loc, spelling))
    if needed.use is FileUse.TEMPLATE:
        text = Text(source=file.text, origin=Origin(file=path.as_posix(), line=1, column=1))
        return Body(kind=kind.name, texts=(*texts, text))
    return Body(kind=kind.name, texts=texts, file=file)
