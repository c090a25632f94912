# Serves an image at a host until the last client has gone, or nobody comes for a minute, or no sign of
# life is heard on standard input for a minute. Prints the socket once it listens.
#
# serve.sh FORMAT IMAGE ARGUMENTS...
d=$(mktemp -d "${TMPDIR:-/tmp}/landfall-nbd.XXXXXX") || exit 1
f=$1 i=$2; shift 2
exec 3<&0
trap '' PIPE
qemu-nbd --shared=0 --discard=unmap --format="$f" --socket="$d/s" "$@" -- "$i" \
    3<&- </dev/null >/dev/null &
w=$!
(
    while [ "$(timeout 60 head -c 1 <&3)" = . ]; do :; done
    kill $w
) >/dev/null 2>&1 &
c=$!
trap '{ kill $w; wait $w; kill $c; rm -rf "$d"; } 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
# One that has ended is still listed until it is waited for.
runs() {
    read -r line <"/proc/$w/stat" || return 1
    case $line in *") Z "*) return 1 ;; esac
}
# A socket that is there does not listen yet: the kernel's list says so, and who is connected.
has() {
    while read -r line; do
        case $line in *" $1 "*" $d/s") return 0 ;; esac
    done </proc/net/unix
    return 1
}
n=0
until has "00010000 0001 01"; do
    runs 2>/dev/null && [ $n -lt 400 ] || exit 1
    n=$((n + 1)); sleep 0.05
done
echo "$d/s" || exit 1
exec >&-
n=0
until has "00000000 0001 03"; do
    runs 2>/dev/null && [ $n -lt 600 ] || exit 0
    n=$((n + 1)); sleep 0.1
done
wait $w
