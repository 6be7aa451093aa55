# Sourced: a memory cgroup that root lends to a test, in which the user that the tests run as makes groups with
# limits, and moves processes of its own between them. Works with version 1 of cgroups and with version 2.
# The test itself is to run in the lent group's `tests`: version 2 moves a process only for somebody who may write
# to what is above both groups, and lets only groups without children have processes.
# shellcheck shell=bash

# Sets memory_mount, where the hierarchy with the memory controller is mounted, and memory_home, this shell's group in it.
find_memory_home() {
    local line type root
    if line=$(grep -m 1 -E '^[0-9]+:([^:]*,)?memory(,[^:]*)?:' /proc/self/cgroup); then
        type=cgroup
    elif line=$(grep -m 1 '^0::' /proc/self/cgroup); then
        type=cgroup2
    else
        return 1
    fi
    read -r root memory_mount < <(awk -v type="$type" '{
        for (i = 7; $i != "-"; ++i);
        if ($(i + 1) == type && (type == "cgroup2" || $(i + 3) ~ /(^|,)memory(,|$)/)) { print $4, $5; exit }
    }' /proc/self/mountinfo) || return 1
    # A container may have only its own part of the hierarchy mounted.
    line=${line#*:*:}
    line=${line#"${root%/}"}
    memory_home=$memory_mount${line%/}
    [ -e "$memory_home/cgroup.procs" ]
}

# Sets memory_above, the group to make another one in: this shell's, or the next one above whose children have the
# controller (version 2). Systemd's do; without it, it is switched on at the top for as long as it takes.
find_memory_above() {
    memory_above=$memory_home
    [ -e "$memory_home/memory.limit_in_bytes" ] && return
    until grep -qw memory "$memory_above/cgroup.subtree_control"; do
        if [ "$memory_above" = "$memory_mount" ]; then
            grep -qw memory "$memory_mount/cgroup.controllers" && echo +memory > "$memory_mount/cgroup.subtree_control" || return 1
            memory_switched_on=1
            return
        fi
        memory_above=${memory_above%/*}
    done
}

# Exports AGRI_MEMORY_GROUP, or else AGRI_NO_MEMORY_GROUP, which says why there is none.
lend_memory_group() {
    local group
    export AGRI_NO_MEMORY_GROUP=
    if [ "$(id -u)" != 0 ]; then
        AGRI_NO_MEMORY_GROUP='memory cgroups are made by root: run the tests as root'
    elif ! find_memory_home; then
        AGRI_NO_MEMORY_GROUP='no memory cgroups are mounted on this machine'
    elif ! find_memory_above 2>/dev/null; then
        AGRI_NO_MEMORY_GROUP='the memory controller cannot be switched on for groups of this machine'
    elif group=$memory_above/agri_test.$$ && ! mkdir "$group" 2>/dev/null; then
        AGRI_NO_MEMORY_GROUP="no cgroup can be made in $memory_above"
    fi
    [ -z "$AGRI_NO_MEMORY_GROUP" ] || return 0
    export AGRI_MEMORY_GROUP=$group
    [ ! -e "$group/cgroup.subtree_control" ] || echo +memory > "$group/cgroup.subtree_control" || return 1
    mkdir "$group/tests" && chown "$AGRI_USER" "$group" "$group/cgroup.procs" "$group/tests" "$group/tests/cgroup.procs"
}

# For a subshell: moves it, and with it all that it starts.
enter_memory_group() { [ -z "${AGRI_MEMORY_GROUP:-}" ] || echo "$BASHPID" > "$AGRI_MEMORY_GROUP/tests/cgroup.procs"; }

# A group with a process cannot be removed: what a failed test left running is moved to where it would have run.
return_memory_group() {
    local group pid deadline=$((SECONDS + 30))
    [ -n "${AGRI_MEMORY_GROUP:-}" ] || return 0
    for group in "$AGRI_MEMORY_GROUP"/*/ "$AGRI_MEMORY_GROUP"; do
        until [ ! -e "$group" ] || rmdir "$group"; do
            [ $SECONDS -lt $deadline ] || return 1
            while read -r pid; do echo "$pid" > "$memory_home/cgroup.procs"; done < "$group/cgroup.procs"
            sleep 0.1
        done 2>/dev/null
    done
    [ -z "${memory_switched_on:-}" ] || echo -memory > "$memory_mount/cgroup.subtree_control"
}
