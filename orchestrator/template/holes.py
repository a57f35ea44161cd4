"""What the syntax tree says of each `{{ }}`: what it reads, how it stands in a command, whether it is a number."""

from collections.abc import Iterator, Mapping

from jinja2 import nodes

from orchestrator.template.filters import MARKS, WHOLE, Mark


def values(tree: nodes.Template) -> Iterator[nodes.Expr]:
    """What stands in each `{{ }}`, in the order of the source."""
    for output in tree.find_all(nodes.Output):
        yield from (each for each in output.nodes if not isinstance(each, nodes.TemplateData))


def mark(value: nodes.Expr) -> Mark | None:
    return Mark(value.name) if isinstance(value, nodes.Filter) and value.name in MARKS else None


def is_whole(value: nodes.Node) -> bool:
    """Whether it gives a whole number, or fails."""
    match value:
        case nodes.Filter(name=name):
            return name in WHOLE
        case nodes.Const(value=constant):
            return type(constant) is int
        case nodes.Add() | nodes.Sub() | nodes.Mul() | nodes.Mod() | nodes.FloorDiv():
            return is_whole(value.left) and is_whole(value.right)
        case nodes.Neg() | nodes.Pos():
            return is_whole(value.node)
        case _:
            return False


def reads(tree: nodes.Node) -> Iterator[tuple[str, str]]:
    """(name, entry) for every `name.entry` and `name['entry']`."""
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if not isinstance(node, nodes.Getattr | nodes.Getitem) or not isinstance(node.node, nodes.Name):
            continue
        if isinstance(node, nodes.Getattr):
            yield node.node.name, node.attr
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            yield node.node.name, node.arg.value


def reads_of(tree: nodes.Template) -> Iterator[frozenset[tuple[str, str]]]:
    """What each value reads, in the order of the source; by way of `{% set %}`, too."""
    through: dict[str, frozenset[tuple[str, str]]] = {}
    for node in tree.find_all((nodes.Assign, nodes.Output)):
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            through[node.target.name] = _read_by(node.node, through)
        elif isinstance(node, nodes.Output):
            yield from (_read_by(each, through) for each in node.nodes if not isinstance(each, nodes.TemplateData))


def _read_by(node: nodes.Node, through: Mapping[str, frozenset[tuple[str, str]]]) -> frozenset[tuple[str, str]]:
    whole = nodes.Output([node])  # `find_all` leaves out the node that it is called on
    named = (through.get(name.name, frozenset()) for name in whole.find_all(nodes.Name))
    return frozenset(reads(whole)).union(*named)
