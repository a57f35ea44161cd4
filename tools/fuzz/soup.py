"""Random text with values in it: mostly no good program, so that nothing is expected but that no value is run."""

from random import Random

from orchestrator.template.filters import Mark
from tools.fuzz.grammar import Item, Use

PAIRS = (
    ('echo "', '"'), ("echo '", "'"), ('echo "$(echo ', ')"'), ('echo "$(echo "', '")"'), ("cat <<EOF\n", "\nEOF\n"),
    ("cat <<'EOF'\n", "\nEOF\n"), ("cat <<-EOF\n\t", "\n\tEOF\n"), ("echo $((1+", "))"), ("x=", ";"), ("# ", "\n"),
    ("echo a", "b"), ("echo `echo ", "`"), ('echo `echo "', '"`'), ("case x in ", ") echo;; esac"), ("[[ 1 -eq ",
    " ]]"),
    ("[[ x == ", " ]]"), ("a=(", ")"), ("echo ${y:-", "}"), ('echo "${y:-', '}"'), ("echo $'", "'"), ("a[", "]=1"),
    ('echo "$(case x in x) echo ', ';; esac)"'), ("echo $(case x in x) echo ", ";; esac)"), ('echo "${V#', '}"'),
    ('echo "$(cat <<EOF\n', '\nEOF\n)"'), ("eval echo ", "\n"), ('eval "echo ', '"\n'), ("f() { echo ", "; }; f"),
    ("if true; then echo ", "; fi"), ("for i in ", "; do echo; done"), ("(", ")"), ("{ echo ", "; }"),
    ("echo >", " x"),
    ("echo >&", "\n"), ("let x=", "\n"), ("echo $", " "), ("echo \\", " "), ('echo "\\', '"'), ('echo "$', '"'),
    ("echo $[", "]"), ("cat <<", "\nx\n"), ("echo $(# ", "\necho)"), ('echo "$(# ', ' )\n"'), ("((", "))"),
    ("cat <<EOF\n$(echo ", ")\nEOF\n"), ("cat <<EOF\n`echo ", "`\nEOF\n"), ("trap ", " EXIT"), ("trap '", "' EXIT"),
    ("unset ", "\n"), ("echo a#", "\n"), ("test -v ", "\n"), ("[ -v ", " ]\n"), ("echo ${V//'", "'/x}"),
    ("shift ", "\n"),
    ("(exit ", ")\n"), ("[ 1 -eq ", " ]"), ("[ ", " -gt 1 ]"), ("[ ", " = x ]"), ("read ", " </dev/null\n"),
    ("export ", "\n"),
    ("export x=", "\n"), ("readonly ", "=1\n"), ("f() { local ", "=1; }; f\n"), ("declare ", "\n"),
    ("declare -i n; n=", "\n"),
    ("declare -a x='", "'\n"), ("printf -v ", " x\n"), ("printf ", " x y\n"), ("printf %d ", "\n"), ("RANDOM=", "\n"),
    ("OPTIND=", "\n"), ("set -x; PS4=", "; :\n"), ("getopts a ", " -a\n"), ("sh -c ", "\n"), ('sh -c "echo ', '"\n'),
    ("sh -c '", "'\n"), ("ssh host echo ", "\n"), ('ssh host "echo ', '"\n'), ("ssh ", " true\n"),
    ("sh <<EOF\necho ", "\nEOF\n"),
    ("sh <<'EOF'\necho \"", '"\nEOF\n'), ("echo ", " | sh\n"), ("{ echo ", "; } | sh\n"), ("echo ", " | { sh; }\n"),
    ("sh <<<", "\n"), ('sh <<< "echo ', '"\n'), ("sudo sh -c ", "\n"), ("alias x=", "\n"), ("ulimit -c ", "\n"),
    ("for i in 1; do break ", "; done\n"), ("echo &> ", "\n"), ("x=1 y=", " true\n"), ("echo {a,", "}\n"),
    ("echo ~", "\n"),
    ('echo "$V', '"'), ("cat <<EOF\n$V", "\nEOF\n"), ("echo $V", "\n"), ("[[ -n x && -v ", " ]]\n"),
    ("command eval ", "\n"), ("[ $(echo ", ") = x ]"), ("test x$(echo ", ")"), ("export x=$(echo ", ")\n"),
    ("export ", ' "$(echo '), ("printf $(echo ", ") x\n"), ('sh <<< "$(echo ', ')"\n'), ("sh $(echo ", ")\n"),
    ("set $(echo ", ")\n"), ('[ "$(echo ', ')" = x ]'), ("print -P ", "\n"),
)  # fmt: skip
"""What may stand before and after a value."""

LOOSE = (
    "echo ", "true ", "\n", " ", "'", '"', "`", "$(", ")", "${", "}", "${V}", "$V", "$((", "))", "((", "(", "{ ",
    " }",
    ";", ";;", "&&", "||", "|", "& ", "\\", "\\\n", "#", " # c\n", "<<EOF\n", "<<-EOF\n", "<<'EOF'\n", "\nEOF\n",
    "EOF",
    "\n\tEOF\n", "<<<", "<<", "<(", "< ", ">f ", ">", "case a in ", "a)", " esac", " in ", "x=", "a[", "]",
    "a=(", "$",
    "$'", '$"', "1", "if true; then ", "; fi\n", "for i in ", "; do ", " done\n", "!", "*", "?", "@(", "~", ",",
    "${V:-", "${V%", "$[", "\t", "2", "f() ", "''", '""', ">&", "&>", ">|", "a", "eval ", "sh -c ", " | sh\n", "[[ ",
    " ]]", "[ ", " ]", " -eq ", "declare ", "export ", "-i ", "2>&1 ", "0<", "|&", "-", "=", "\r",
)  # fmt: skip


def soup(chance: Random, count: int) -> tuple[Item, ...]:
    """A text of some pairs around values, some loose pieces between, or of loose pieces only."""
    if chance.random() < 0.25:
        return tuple(_use(chance, count) if chance.random() < 0.35 else chance.choice(LOOSE) for _ in range(9))
    items = _nested(chance, count, 0)
    if chance.random() < 0.4:
        items = (*items, chance.choice(("\n", "; ", " && ", " ", " | ")), *_nested(chance, count, 0))
    return items


def _nested(chance: Random, count: int, depth: int) -> tuple[Item, ...]:
    before, after = chance.choice(PAIRS)
    items: list[Item] = [before]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        kind = chance.random()
        if kind < 0.6:
            items.append(_use(chance, count))
        elif kind < 0.72 and depth < 3:
            items += _nested(chance, count, depth + 1)
        elif kind < 0.86:
            items.append(chance.choice(("a", " ", "\n", ";", "$V", "\\\n", "#", "'", '"')))
        else:
            items.append(chance.choice(LOOSE))
    return (*items, after)


def _use(chance: Random, count: int) -> Use:
    kind = chance.random()
    mark = Mark.QUOTE if kind < 0.15 else Mark.ARGS if kind < 0.18 else None
    return Use(chance.randrange(count), mark, mark is None and kind > 0.95)
