"""Where each value of a shell command stands: a lexer that walks the author's text only, never a value.

It follows POSIX sh, and what dash, bash, busybox ash, mksh and zsh make of it. What it does not follow, or what shells
read differently, makes it refuse the values that come later; a command without later values is not its business.
"""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from orchestrator.template import languages, rereads, variables
from orchestrator.template.commands import VALUE, Finding
from orchestrator.template.lexer import Lexer
from orchestrator.template.placing import Place
from orchestrator.template.refusal import Refusal
from orchestrator.template.syntax import read


@lru_cache(maxsize=2048)
def places(chunks: tuple[str, ...]) -> tuple[Place, ...]:
    """Where each value stands, given the author's text before, between and after them (one more than values)."""
    if any(VALUE in chunk for chunk in chunks):
        problem = f"a value cannot stand in a text with {VALUE!r}, which marks values here"
        unknown = Refusal(problem=problem, fix="write printf '\\357\\277\\275'")
        return tuple(replace(place, refusal=unknown) for place in _places(tuple("" for _ in chunks)))
    return _places(chunks)


def _places(chunks: tuple[str, ...]) -> tuple[Place, ...]:
    lexer = Lexer()
    last = len(chunks) - 1
    for at, (chunk, following) in enumerate(pairwise(chunks), 1):
        read(lexer, chunk)
        lexer.value(following, another=not following and at != last)
    read(lexer, chunks[-1])
    found = lexer.places
    for pipeline in lexer.finish().pipelines:
        for command in pipeline.commands:
            for finding in (*variables.findings(command.words), *languages.findings(command)):
                _add(found, finding)
            for at, word in enumerate(command.words):
                for value in word.values:
                    reader, counted = languages.reader(command.words, at), rereads.counts(command.words, at)
                    found[value] = replace(found[value], program=reader, counted=counted)
        for finding in rereads.findings(pipeline, len(found), places):
            _add(found, finding)
    if lexer.unread:
        for finding in rereads.unread(" ".join(rest for _, rest in lexer.unread), lexer.unread[0][0]):
            _add(found, finding)
    return tuple(found)


def _add(found: list[Place], finding: Finding) -> None:
    """Put a finding to what is known of its value; of two refusals the stricter stays."""
    place = found[finding.value]
    refusal = place.refusal
    if finding.refusal and finding.refusal.outweighs(refusal):
        refusal = finding.refusal
    remarks = (*place.remarks, finding.remark) if finding.remark else place.remarks
    found[finding.value] = replace(place, refusal=refusal, remarks=remarks)
