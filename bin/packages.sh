# Sourced by bin/test and bin/bench: `need PROGRAM PACKAGE` notes what is missing, `get_needed` installs it where it may.
# What is installed here is used by programs of ours only: no service that comes with a package starts, now or at the next boot, no package
# that is there already is removed for it, and Postfix gets no configuration.

missing=""
need() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
get_needed() {
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "Installing$missing …"
        log=$(mktemp)
        if install_quietly >"$log" 2>&1; then
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
install_quietly() {
    policy=/usr/sbin/policy-rc.d # Debian asks it before it starts a service; 101 means no
    own_policy=""
    if [ ! -e "$policy" ]; then
        own_policy=yes
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    case "$missing" in
    *postfix*) echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections ;;
    esac
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends --no-remove $missing
    installed=$?
    for package in $missing; do
        service=$package
        [ "$package" = bind9 ] && service=named
        [ $installed = 0 ] && [ -e "/etc/init.d/$service" ] && update-rc.d "$service" disable
    done
    [ -z "$own_policy" ] || rm -f "$policy"
    trap - EXIT INT TERM
    return $installed
}
