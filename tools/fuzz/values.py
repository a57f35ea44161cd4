"""Hostile values: texts that are programs wherever a shell reads them as more than data."""

from random import Random

CANARY = "sung"
"""The file that only an injection makes: a redirection does nothing unless it is read as an author's text."""

_RUN = f":>{CANARY}"  # with a command before it: mksh runs no $(>file)

RUNS = (
    f">{CANARY} ", f";{_RUN};", f"$({_RUN})", f"`{_RUN}`", f"\n{_RUN}\n", f"';{_RUN};'", f'";{_RUN};"', f"){_RUN};(",
    f"a[$({_RUN})]", f"a[`{_RUN}`]", f"\nEOF\n{_RUN}\n", f"\n\tEOF\n{_RUN}\n", f";;esac;{_RUN};", f"}};{_RUN};",
    f"${{x:-$({_RUN})}}", f"$((a[$({_RUN})]))", f"\\\n{_RUN}\\\n", f"'\n{_RUN}\n'", f"x[$({_RUN})]=1", f"({_RUN})",
    f"($({_RUN}))", f"\\$({_RUN})", f"'$({_RUN})'", f'"$({_RUN})"', f"'\\''$({_RUN})'\\''", f"&{_RUN}", f"|{_RUN}",
    f"-v a[$({_RUN})]", f"1 -eq a[$({_RUN})]", f"-c $({_RUN})", f"RANDOM=a[$({_RUN})]", f"-A a[$({_RUN})]",
)  # fmt: skip
"""Each makes the canary in some place where it is not quoted as it should be."""

PIECES = (
    "'", '"', "`", "$(", "${", "$((", ")", "))", "}", "\\", "|", "&", "#", "<", ">", "EOF", "\nEOF\n", "\n\tEOF\n",
    "a[",
    "]", " ", "\t", "\n", "$", "!", "{", "(", "-", "--", "=", "\\\n", "*", "?", "~", "x", "\r", "é", "\x81", "\x82",
    "\x88", "\x01", "\x7f", "2", "0", "if", "in", "esac", "done", ",", "..", "%s", "日本", "🚀", "", "HOME", "[",
    "^", ":",
    "'\\''", "-v", "-c", "-eq", "eval", "\u2028", "\u00a0", "E", "F",
)  # fmt: skip

PLAIN = (
    "v2.8.1",
    "main",
    "/srv/app",
    "a b",
    "",
    "0",
    "17",
    "it's",
    '"',
    "x=y",
    "~",
    "-n",
    "-e",
    "a\nb",
    "$HOME",
    "\\",
    "'",
)


def hostile(chance: Random) -> str:
    """A value; one in four is what people pass."""
    kind = chance.random()
    if kind < 0.25:
        return chance.choice(PLAIN)
    if kind < 0.3:
        return "".join(chr(chance.choice((chance.randrange(1, 256), chance.randrange(256, 0x3000)))) for _ in range(6))
    count = chance.randint(1, 6)
    return "".join(chance.choice(RUNS if chance.random() < 0.4 else PIECES) for _ in range(count))
