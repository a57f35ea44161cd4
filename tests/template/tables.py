"""Examples for every word of a table, from lists of their own: what is missing in one of the two is found."""

_SHELLS = "sh bash dash ash ksh ksh93 mksh zsh rbash rksh yash fish csh tcsh $SHELL ${SHELL} $BASH $0"
_WRAPPERS = """sudo doas env nice ionice nohup timeout time setsid exec command builtin busybox xargs flock chroot
    stdbuf chrt taskset unshare nsenter runuser su docker podman kubectl lxc incus systemd-run find sshpass strace gosu
    su-exec torsocks ip tini dumb-init chpst setpriv machinectl pct"""
_INTEGERS = """RANDOM SECONDS OPTIND LINENO COLUMNS LINES TMOUT HISTSIZE HISTCMD SHLVL PPID PGRP UID EUID GID EGID ERRNO
    FUNCNEST USER_ID KSHUID KSHEGID KSHEUID KSHGID EPOCHSECONDS SAVEHIST KEYTIMEOUT LISTMAX DIRSTACKSIZE BASHPID
    SRANDOM"""
_PROMPTS = "PS0 PS1 PS2 PS3 PS4 PROMPT PROMPT_COMMAND RPROMPT SPROMPT"
_KEYWORDS = "if then elif else do while until ! { time coproc"
_OPENERS = "if while until for case select {"
_RESERVED = """if then else elif fi do done case esac while until for in function select time coproc repeat foreach end
    nocorrect noglob namespace"""

REFUSED = [
    *(f"{name} -c {{{{ v }}}}" for name in _SHELLS.split()),
    *(f"/usr/bin/{name} x ssh h {{{{ v }}}}" for name in _WRAPPERS.split()),
    *(f"{name} h {{{{ v }}}}" for name in "ssh autossh rsh dbclient slogin".split()),
    *(f"bash {option} f -c {{{{ v }}}}" for option in "-o +o -O +O --rcfile --init-file".split()),
    *(f"sudo {option} a -s <<EOF\n{{{{ v }}}}\nEOF\n" for option in "-u -g -h -p -C -r -t -T -U -R -D".split()),
    *(f"sudo {option} <<EOF\n{{{{ v }}}}\nEOF\n" for option in "-s -i -si --login --shell".split()),
    *(f"{name}={{{{ v }}}}" for name in (_INTEGERS + " " + _PROMPTS).split()),
    *(f"{name} eval {{{{ v }}}}" for name in _KEYWORDS.split()),
    *(f"{name} export {{{{ v }}}}" for name in _KEYWORDS.split()),
    *(f"echo {{{{ v }}}} | {name} x; x; sh" for name in _OPENERS.split()),
    *(f"echo {{{{ v }}}}; {name} | sh" for name in "} done fi esac".split()),
    *(f"tmux {name} {{{{ v }}}}" for name in "send-keys new split-window respawn-pane run-shell".split()),
    *(f"echo {{{{ v }}}} | xargs {option} sh -c x" for option in "-I% -i --replace=%".split()),
    "function f { eval {{ v }}; }; f", "coproc x { eval {{ v }}; }", "bash <(echo {{ v }})", "x >(sh {{ v }})",
    "echo >&$(f {{ v }})", "a[$(f {{ v }})]=1", "a[x=$({{ v }}; fi", "'$SHELL' x; /$SHELL -c {{ v }}",
    *(f"{name} {{{{ xs | args }}}}" for name in "ssh sh printf print wait set [ [[ test trap tmux flock".split()),
    "ssh -- {{ xs | args }}",
    "sh +c {{ v }}", "time -p eval {{ v }}", "command -p export {{ v }}", "eval {{ xs | args }}",
    "cat <<EOF\n$(date)\nEOF\n ssh h \"rm {{ v }}\"", "ssh { {{ v }} true",
    "repeat 3 { eval {{ v }}; }", "repeat 3 { unset {{ v }}; }", "function { eval {{ v }}; }",
    "function f { unset {{ v }}; }", "{ eval {{ v }}; }",
    *(f"{{ echo {{{{ v }}}} \"$(cat <<EOF\n'\nEOF\n)\"; }} | {x}" for x in ("sh", "su a", "runuser a", ". /dev/stdin")),
    "[ {{ v }} \"$(cat <<EOF\n'\nEOF\n)\" -eq 1 ]",
    "echo {{ v }} \"$(cat <<EOF\n'\nEOF\n)\" {{ n }} | sh",
    "compgen -W {{ v }}", "complete -C {{ v }} x", "logout {{ v }}", "bye {{ v }}",
    "runuser - app <<EOF\n{{ v }}\nEOF\n", "sh -c -- -{{ v }}", "command export {{ v }}",
    "select RANDOM in {{ v }}; do :; done", "a_[{{ v }}]=1", "{{ plain }}[{{ v }}]=1", "true |# it's\necho {{ v }}",
    "x=$( # it's\n) {{ v }}", "echo $((1<<2)) {{ v }}", "printf '%s %*d' a 1 {{ v }}",
]  # fmt: skip
"""Templates in which a value is refused."""

ACCEPTED = [
    "sh x {{ xs | args }}",
    "sh -c 'x \"$@\"' sh {{ xs | args }}", "printf %s {{ xs | args }}", "set -- {{ xs | args }}",
    *(f"ssh -{letter} a {{{{ plain }}}}" for letter in "BbcDEeFIiJLlmOopQRSWw"),
    *(f"export {option} x={{{{ n }}}}" for option in "-r -x -p -f -g -rx -xr --".split()),
    *(f"printf '%{kind} %d' {{{{ v }}}} 1" for kind in "sbcq"),
    *(f"tmux new {option} {{{{ plain }}}} ls" for option in "-t -s -n -c".split()),
    *(f"{{{{ '{name}' }}}} x" for name in _RESERVED.split()),
    "echo {{ v }} \"$(cat <<EOF\n'\nEOF\n)\" || exit 1", "x {{ v }} &> f; y | tee z",
    "[ \"$(f {{ v }})\" = x ]", "[[ $(f {{ v }}) = x ]]", "x=$(f {{ v }})", "kill $(cat {{ v }})",
    "set -- $(f {{ v }})",
    "export x=\"$(f {{ v }})\"", "printf '%s' $(f {{ v }})", "[ $(f {{ n | int }}) = x ]", "sh \"$(f {{ v }})\"",
    "print -p {{ v }}", "ssh -o \"User=$(f {{ v }})\" h", "docker exec $(docker ps -q -f name={{ v }}) sh -c 'x'",
    'echo "a[" {{ v }}', "echo a\\[{{ v }}]", "sh -c 'echo {{ n | int }}'", "ssh 2>f {{ plain }}",
    'echo \\" {{ v }}', "{{ '-' }} x", "x=a {{ plain }}",
]  # fmt: skip
"""Templates in which a value can stand."""
