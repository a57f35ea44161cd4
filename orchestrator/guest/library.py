"""The shell library that does the guest's work: kept once in each VPS, sourced by every program that is sent there.

So a program is the command and some 250 characters, whatever the library can do; and the library reads like a program.
Needed in the guest: a POSIX sh (dash, bash, busybox ash, mksh), coreutils or busybox, `setsid`.

An attempt's directory, STATE/<run>/<slot>.<attempt>/ (STATE is $ORC_STATE or /var/lib/orchestrator):
`cmd` the command as its author wrote it, `pre` what comes before it (env, cwd), `go` the runner has begun, `pid` its
pid, when it began (in ticks since the boot), the time, the boot id; `job` the command's pid and when it began; `out`,
`err` the whole output; `rc` the exit status and the time it ended, written by rename; `late` it was over its time-out,
`stop` somebody asked for its end, `stuck` KILL did not help, `as` what the guards said if the command was not run.
"""

import hashlib
from functools import cache

OUTPUT_CAP = 65536
"""Bytes of each output stream that are returned; of a longer one, the first and the last half of that."""
PATIENCE = 50
"""Tenths of a second for a claimed attempt's runner to be there; it may be slow to begin on a busy machine."""
KEPT_DAYS = 30
"""Days after which the records of a run are swept from the guest, when another run begins there."""

_SOURCE = r"""
# l: the library's own file. n: the attempt's nonce. d: its directory. w: 0 where this program claimed it, else 1.
o_say(){ printf '\n%s' "$n";printf ' %s' $w "$@";echo;exit;}

# When a process began (field 22 of its stat, proc(5)): with its pid and the boot id that names one process for good.
o_began(){ x=$(cat "/proc/$1/stat" 2>/dev/null);x=${x##*) };set -- $x;echo "${20:--}";}

o_alive(){ [ "$b" = "$B" ]&&kill -0 "$p" 2>/dev/null&&[ "$(o_began "$p")" = "$k" ];}

# KEY NONCE FENCE: claim the attempt, or find it claimed. A controller that a later one has taken over from is refused.
o_claim(){
s=${l%/*} n=$2 w=1;d=$s/$1
[ -d "$d" ]||[ -z "$H" ]||
case " $(hostname) $(hostname -f 2>/dev/null) " in *" $H "*);;*)o_say wrong-host "$(hostname)";;esac
mkdir -m 700 "${d%/*}" 2>/dev/null&&find "$s" -maxdepth 1 -name 'r*' -mtime +@KEPT_DAYS@ -exec rm -rf {} +
x=;read -r x 2>/dev/null<"${d%/*}/fence"
[ "${x:-0}" -le "$3" ]||o_say fenced
[ "$x" = "$3" ]||echo "$3" 2>/dev/null>"${d%/*}/fence"
mkdir "$d" 2>/dev/null&&w=0
cd "$d" 2>/dev/null||o_say no-state
{ read -r B<"${ORC_BOOT_ID_FILE:-/proc/sys/kernel/random/boot_id}";} 2>/dev/null||B=-
}

# KEY NONCE FENCE TIMEOUT GRACE USER LEAVE: run the attempt once, and tell what came of it. stdin: the command.
# descriptor 3: what comes before it. LEAVE: a service, that is left running once it has lived for a second.
# (A unit would ignore SIGPIPE, and the writer in `yes | head` never end.)
# A claim whose files could not be written whole is not run; room is kept for the exit status.
# A user's own systemd-run may refuse: then setsid does.
# (`exec`, since a redirection around the group would have mksh keep the agent's pipe open until the group ends.)
o_run(){
o_claim "$1" "$2" "$3"
if [ $w = 0 ];then
cat>cmd&&cat <&3 >pre&&printf '%30s
' >rc.t||{ mkdir go;o_say no-state;}
u=orc-$(echo "$1"|tr / -);set -- "$7" sh "$l" o_runner "$d" "$B" "$4" "$5" "$6"
(exec >/dev/null 2>&1 </dev/null 3<&-;shift
[ -d /run/systemd/system ]&&
systemd-run -q --collect -p KillMode=process -p IgnoreSIGPIPE=no --unit="$u" "$@"||setsid "$@")&
[ "$1" ]||wait
else set -- "$7"
fi
o_wait "$1"
}

# Whether the command itself lives on: somebody may have killed its runner alone.
o_job(){ p=;{ read -r p k<job;} 2>/dev/null&&[ "$p" ]&&o_alive;}

# Wait until the attempt has ended, or its runner is found dead, and the command too. One that has not begun in time is
# kept from beginning (`go` is the runner's own claim), so that nothing starts after it was called lost. A machine that
# goes down kills the command, and the runner may live to write that: seen after a reboot, it was the machine.
o_wait(){
i=0 j=0
until [ -f rc ]||[ -f stuck ]||[ $i -gt @PATIENCE@0 ]||[ $j -ge 10 ];do
p=;{ read -r p k s b<pid;} 2>/dev/null
if [ "$p" ]&&o_alive;then i=0;[ -z "$1" ]||j=$((j+1))
elif o_job;then i=0
else i=$((i+1));[ $i -le @PATIENCE@ ]||{ [ -f pid ]||mkdir go;} 2>/dev/null&&[ $i -gt @PATIENCE@ ]&&break
fi
sleep .1
done
p=- s=- b=- r=- e=- a=lost;{ read -r p k s b<pid;} 2>/dev/null
if { read -r r e<rc;} 2>/dev/null;then a=exited;[ ! -f late ]||a=late;[ ! -f stop ]||a=stopped
[ ! -f as ]||read -r a<as
case "$a$r" in exited137|exited143)[ "$b" = "$B" ]||{ a=lost r=-;};;esac
elif [ -f stuck ];then a=stuck
elif [ $j -ge 10 ];then a=left
fi
o_show err>&2;y=$z;o_show out
o_say $a ${r:--} $z $y ${s:--} ${e:--} ${b:--} ${p:--}
}

o_show(){
z=0;[ -f "$1" ]||return
z=$(($(wc -c<"$1")))
if [ $z -gt @CAP@ ];then head -c @HALF@ "$1";printf '\n%s~\n' "$n";tail -c @HALF@ "$1";else cat "$1";fi
}

# KEY NONCE FENCE GRACE: end the attempt. One that was never claimed is claimed, so that it cannot begin any more.
o_stop(){
o_claim "$1" "$2" "$3"
>stop;[ $w = 1 ]||{ >out;>err;echo "143 $(date +%s)">rc;}
i=0;until [ -f rc ]||[ -f stuck ]||[ $i -gt $(($4*2+5)) ];do
p=;{ read -r p k s b<pid;} 2>/dev/null
if [ "$p" ]&&o_alive;then :
elif o_job;then x=TERM;[ $i -lt $4 ]||x=KILL;kill -$x -$p 2>/dev/null
else break;fi
sleep 1;i=$((i+1));done
o_wait
}

# KEY NONCE NAME SHA256: keep one part of a command that is too long for one request; stdin: the part and a newline.
# Until it is whole its name begins with a dot, which `*` passes over.
o_keep(){
n=$2 w=1;q=${l%/*}/$1.parts
mkdir -pm 700 "$q"&&cd "$q"||o_say no-state
x=$(cat;echo .);x=${x%??}
t=.$3$$
printf %s "$x">$t&&[ "$(sha256sum<$t)" = "$4  -" ]&&mv $t "$3"&&o_say kept
o_say no-state
}

# KEY NONCE SHA256: go on only where all the parts are there.
o_whole(){
n=$2 w=1;q=${l%/*}/$1.parts
[ "$(cat "$q"/* 2>/dev/null|sha256sum)" = "$3  -" ]||o_say no-parts
}

# Become the command, as a user. The files belong to the agent's user, so another user is given the text.
# USER FILE TEXT: as words, since the command's own variables are set by now.
o_become(){
[ "$1" ]&&[ "$1" != "$(id -un)" ]||exec sh "$2"
! command -v runuser>/dev/null||exec runuser -u "$1" -- sh -c "$3"
! command -v sudo>/dev/null||exec sudo -nEu "$1" -- sh -c "$3"
exec su -s /bin/sh "$1" -c "$3"
}

# DIRECTORY USER: the command's own process: what comes before it, its guards too, then itself, in a session that the
# time-out can kill as a whole.
o_go(){
set -- "$2" "$1/cmd" "$(cat "$1/cmd")"
cd||cd /;. "${2%cmd}pre"&&o_become "$@"
}

# The runner, in a session (and where systemd runs, in a unit) of its own: DIRECTORY BOOT TIMEOUT GRACE USER.
# qemu's agent gives no HOME and a short PATH, and systemd another (measured). The command's own process writes `job`
# before it becomes the command: were it the runner, one killed in between would leave a command nobody knows of.
o_runner(){
exec 2>/dev/null
d=$1;cd "$d"&&mkdir go||exit
echo $$ "$(o_began $$)" "$(date +%s)" "$2">pid.t&&mv pid.t pid
[ -z "$5" ]||{ HOME=$(eval "echo ~$5") USER=$5 LOGNAME=$5;export USER LOGNAME;}
export HOME="${HOME:-/root}" LANG="${LANG:-C.UTF-8}" PATH="$PATH:/usr/local/bin:/usr/sbin:/sbin"
(p=$(exec sh -c 'echo $PPID');echo $p "$(o_began $p)">job
exec setsid sh "$0" o_go "$d" "$5")>out 2>err </dev/null &
p=$!
(i=0;while kill -0 $p;do
[ ! -f stop ]||[ $i -ge $3 ]||i=$3
[ $i != $3 ]||{ >late;kill -TERM -$p;}
[ $i -lt $(($3+$4)) ]||kill -KILL -$p
[ $i -lt $(($3+$4+$4)) ]||>stuck
i=$((i+1));sleep 1;done) 2>/dev/null &
v=$!
wait $p;echo $? "$(date +%s)" 1<>rc.t
kill $v;[ ! -f late ]||kill -KILL -$p
mv rc.t rc
}
[ $# = 0 ]||"$@"
"""


def text() -> str:
    """The library as it is kept in the guest: the source above without its comments and empty lines."""
    return _filled(OUTPUT_CAP, PATIENCE, KEPT_DAYS)


def name() -> str:
    """The file that this very text is kept in: another version of the tool has another beside it."""
    return _name_of(text())


# Both are asked for at every attempt.
@cache
def _filled(cap: int, patience: int, kept_days: int) -> str:
    filled = _SOURCE
    numbers = {"CAP": cap, "HALF": cap // 2, "PATIENCE": patience, "KEPT_DAYS": kept_days}
    for word, number in numbers.items():
        filled = filled.replace(f"@{word}@", str(number))
    return "\n".join(line for line in filled.splitlines() if line and not line.startswith("#"))


@cache
def _name_of(library: str) -> str:
    return f"lib-{hashlib.sha256(library.encode()).hexdigest()[:12]}"
