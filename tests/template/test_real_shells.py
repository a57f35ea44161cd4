"""Whatever a value holds, a real shell gives it back byte for byte and runs none of it."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.model.origin import Origin, Text
from orchestrator.template import TemplateError, render_shell
from orchestrator.template.quoting import quoted
from orchestrator.template.shell import places

SHELLS = [
    shell for shell in (["sh"], ["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(shell[0])
]
CANARY = "sung"  # a redirection, unlike a command's name, does nothing unless it is read as the author's text
PIECES = (
    f">{CANARY} ", f";>{CANARY};", f"$(>{CANARY})", f"`>{CANARY}`", f"\n>{CANARY}\n", f"';>{CANARY};'",
    f'";>{CANARY};"',
    f")>{CANARY};(", f"a[$(>{CANARY})]", f"\nEOF\n>{CANARY}\n", f";;esac;>{CANARY};", f"}};>{CANARY};", "'", '"', "`",
    "$(", "${", "$((", ")", "))", "}", "\\", "|", "&", "#", "<", ">", "EOF", "\nEOF\n", "a[", "]", " ", "\t", "\n", "$",
    "!", "{", "(", "-", "--", "=", "\\\n", "*", "?", "~", "x", "\r", "é", "\x81", "\x01", "\x7f", "2", "if", ",", "%s",
    "日本", "🚀", "",
)  # fmt: skip
VALUES = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.integers().map(str),
)
STYLES = (
    ("{}", "printf '%s\\000' {{{{ v{} }}}}"),
    ("--tag={}", "printf '%s\\000' --tag={{{{ v{} }}}}"),
    ("{}/bin", "printf '%s\\000' {{{{ v{} }}}}/bin"),
    ("a{}b", "printf '%s\\000' a{{{{ v{} }}}}b"),
    ("{}", "x={{{{ v{} }}}}; printf '%s\\000' \"$x\""),
    ("{}", "for x in {{{{ v{} }}}}; do printf '%s\\000' \"$x\"; done"),
    ("{}", "f() {{ printf '%s\\000' \"$1\"; }}; f {{{{ v{} }}}}"),
    ("{}", "cat <<'EOF' >/dev/null\nit's\nEOF\nprintf '%s\\000' {{{{ v{} }}}}"),
)
"""What must come out of a value, and a command that prints it."""


def run(shell: Sequence[str], script: str, folder: str) -> bytes:
    return subprocess.run([*shell, "-c", script], cwd=folder, capture_output=True, check=False, timeout=30).stdout


@settings(max_examples=25)
@given(st.lists(VALUES, min_size=8, max_size=40))
def test_every_value_comes_out_as_it_went_in_and_none_is_run(values: list[str]) -> None:
    styles = [STYLES[number % len(STYLES)] for number in range(len(values))]
    source = "\n".join(template.format(number) for number, (_, template) in enumerate(styles))
    script = render_shell(
        Text(source=source, origin=Origin(file="x.yml")), {f"v{number}": value for number, value in enumerate(values)}
    )
    expected = [wanted.format(value) for (wanted, _), value in zip(styles, values, strict=True)]
    for shell in SHELLS:
        with TemporaryDirectory() as folder:
            assert run(shell, script, folder).decode().split("\0")[:-1] == expected, shell
            assert not Path(folder, CANARY).exists()


AUTHORS = (
    "echo ", "true ", "\n", " ", "'", '"', "`", "$(", ")", "${", "}", "${V}", "$V", "$((", "))", "((", "(", "{ ", " }",
    ";", ";;", "&&", "||", "|", "& ", "\\", "\\\n", "#", " # c\n", "<<EOF\n", "<<-EOF\n", "<<'EOF'\n", "\nEOF\n", "EOF",
    "\n\tEOF\n", "<<<", "<<", "<(", "< ", ">f ", ">", "case a in ", "a)", " esac", " in ", "x=", "a[", "]", "a=(", "$",
    "$'", '$"', "1", "if true; then ", "; fi\n", "for i in ", "; do ", " done\n", "!", "*", "?", "@(", "~", ",",
    "${V:-", "${V%", "$[", "\t", "2", "f() ", "''", '""', ">&", "&>", ">|", 'echo "$(echo ', "cat <<EOF\n", "$(# ",
)  # fmt: skip


@settings(max_examples=250)
@given(st.lists(st.lists(st.sampled_from(AUTHORS), max_size=5).map("".join), min_size=2, max_size=5), VALUES)
def test_no_value_is_run_wherever_its_author_put_it(chunks: list[str], value: str) -> None:
    found = places(tuple(chunks))
    if any(place.refusal for place in found):
        return
    script = chunks[0] + "".join(quoted(value, place) + chunk for place, chunk in zip(found, chunks[1:], strict=True))
    for shell in SHELLS[:3]:
        with TemporaryDirectory() as folder:
            run(shell, script, folder)
            assert not Path(folder, CANARY).exists(), (shell, script)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_canary_sings_where_a_value_is_not_quoted(shell: list[str], tmp_path: Path) -> None:
    run(shell, f'echo "$(>{CANARY})"', str(tmp_path))

    assert Path(tmp_path, CANARY).exists()


def test_a_leading_dash_is_kept_for_the_program_to_read() -> None:
    assert render_shell(Text(source="rm -- {{ v }}", origin=Origin(file="x.yml")), {"v": "-rf /"}) == "rm -- '-rf /'"


def test_a_value_in_quotes_is_never_rendered() -> None:
    for source in ('echo "{{ v }}"', "echo '{{ v }}'"):
        with pytest.raises(TemplateError):
            render_shell(Text(source=source, origin=Origin(file="x.yml")), {"v": "harmless"})
