# Sourced by bin/test and bin/bench: `need PROGRAM PACKAGE` notes what is missing, `get_needed` installs it where it may.

missing=""
need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
get_needed() {
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing$missing …"
        log=$(mktemp)
        if apt-get update -qq >"$log" 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >>"$log" 2>&1; then
            rm -f "$log"
            return 0
        fi
        tail -n 5 "$log" >&2
        rm -f "$log"
        echo "apt could not install$missing; what needs them is skipped." >&2
    else
        echo "What needs$missing is skipped; to have it, type: sudo apt-get install --no-install-recommends$missing" >&2
    fi
}
