# The far side of a transfer: POSIX sh and the programs of busybox. docs/push-protocol.md says what is spoken and why.
#
#   sh -c 'eval "$LONGSHORE_STAGE"' longshore VERB SHARED TMP TABLE RUN POD [ARGUMENT...]
#
# Every path arrives as a whole argument, and nothing else comes from outside. The script never closes or redirects its own
# output: a container runtime takes that for the end of its input. So the last command is never a redirected one either, and what
# runs in the background has its own.

unset LONGSHORE_STAGE
LC_ALL=C
export LC_ALL
umask 022

verb=$1 shared=$2 tmp=$3/longshore table=$4 run=$5 pod=$6
shift 6
id=$run.$pod
staging=$shared/.tracebloc-staging
all=$staging/.longshore
tick=5
# So many bytes take long enough to hash that somebody should hear of it.
long=33554432
why=$tmp/why
# Where this text stands in the environment of a container, two dollars in a row would become one.
read -r self _ < /proc/self/stat

enter() { # TABLE
    table=$1
    published=$staging/$1
    home=$all/$1
    work=$home/work-$id
    ingesting=$shared/.tracebloc-ingest-$1.lock
    dataset=$shared/$1
}

say() { printf '%s\n' "$*"; }

# --- errors -------------------------------------------------------------------------------------------------------------

# Names the cause by what the program said, which is in $why. A shell's own commands call every failed write the same, or say
# nothing; then dd writes a block and says what is wrong.
trouble() { # WHAT-WAS-DONE
    words=$(said "$why")
    cause=$(cause_of "$words")
    if [ "$cause" = io ] && ! dd if=/dev/zero of="$all/.room-$id" bs=4096 count=1 2> "$tmp/room"; then
        room=$(said "$tmp/room")
        cause=$(cause_of "$room")
        [ "$cause" = io ] || words="$words $room"
    fi
    rm -f "$all/.room-$id"
    say "error $cause $1: $words"
}

said() { # FILE
    tr '\n\t' '  ' < "$1" | cut -c 1-400
}

cause_of() { # WORDS
    case $1 in
        *'No space left'*)
            case $(stat -f -c '%c %d' "$staging") in
                '0 '*) say no-space ;;
                *' 0') say no-inodes ;;
                *) say no-space ;;
            esac ;;
        *[Qq]uota*) say no-space ;;
        *'Read-only'*) say read-only ;;
        *'ermission denied'* | *'not permitted'*) say not-writable ;;
        *'not found'*) say missing-program ;;
        *) say io ;;
    esac
}

attempt() { # WHAT COMMAND...
    what=$1
    shift
    "$@" 2> "$why" || { trouble "$what"; false; }
}

# Runs a command with the words of a file, each ended by NUL, as its last arguments. Not straight from the file: a busybox that
# runs its own programs without exec lets them move the place where the next words are read.
words() { # FILE COMMAND...
    from=$1
    shift
    # shellcheck disable=SC2002
    cat "$from" | xargs -0 -r "$@"
}

# Says every few seconds that something is still going on. What runs must not write to the output.
ticking() { # WHAT COMMAND...
    ticked=$1
    shift
    (while sleep "$tick" > /dev/null 2>&1 3>&-; do say "busy $ticked"; done) &
    ticker=$!
    "$@"
    status=$?
    kill "$ticker" 2> /dev/null
    wait "$ticker" 2> /dev/null
    return "$status"
}

# --- sessions: at most one in a pod changes anything --------------------------------------------------------------------

# Sets `group` and `start` of a process; the name in front of them may hold anything, so it is cut off.
look_at() { # PID
    group='' start=''
    [ -r "/proc/$1/stat" ] && read -r line 2> /dev/null < "/proc/$1/stat" || return 1
    # shellcheck disable=SC2086
    set -- ${line##*) }
    group=$3 start=${20}
}

# Kills the session before this one, with everything that it started, and waits until it can write no more.
end_session() {
    [ -r "$tmp/session" ] && read -r other born < "$tmp/session" || return 0
    [ "$other" != "$self" ] || return 0
    # Another process has that number by now.
    if look_at "$other" && [ "$start" != "$born" ]; then return 0; fi
    tries=0
    while kill -9 "-$other" 2> /dev/null && writes_still "$other"; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || return 1
        [ "$tries" -lt 3 ] || sleep 0.1 2> /dev/null || sleep 1
    done
    return 0
}

# What is dead and not yet waited for writes no more, but its group is still there.
writes_still() { # GROUP
    for entry in /proc/[0-9]*; do
        read -r line 2> /dev/null < "$entry/stat" || continue
        # shellcheck disable=SC2086
        set -- "$1" ${line##*) }
        [ "$4" != "$1" ] || case $2 in Z | X) ;; *) return 0 ;; esac
    done
    return 1
}

begin_session() {
    end_session || { say 'error stuck a process of an earlier session does not end'; return 1; }
    look_at "$self" && [ "$group" = "$self" ] || { say 'error stuck the session has no process group of its own'; return 1; }
    say "$self $start" > "$tmp/session"
    rm -f "$tmp/stop" "$tmp/receipt" "$tmp/restored" "$tmp"/list-*
}

# --- the lock -----------------------------------------------------------------------------------------------------------

# Exactly one file in a directory. It is taken, taken over and given back by one rename or unlink of a path that names the owner.
# Whoever has watched the owner's time stand still for so long takes over; a time or a name that changes belongs to somebody alive.
acquire() { # SECONDS-TO-WATCH SECONDS-BETWEEN-LOOKS HOLDER
    attempt 'making the directory of the table' mkdir -p "$home" || return 1
    seen='' stood=0 owner='' tries=0
    while :; do
        if is_ours; then
            # What was prepared by others that died, or that will have to try again.
            rm -rf "$home"/lock.* "$home"/holder-*
            say "$3" > "$home/holder-$id"
            return 0
        fi
        rmdir "$home/lock" 2> /dev/null
        rm -rf "$home/lock.$id"
        { mkdir "$home/lock.$id" && : > "$home/lock.$id/owner-$id" && mv -T "$home/lock.$id" "$home/lock"; } 2> "$why" && continue
        rm -rf "$home/lock.$id"
        for owner in "$home"/lock/owner-*; do break; done
        now=$(stat -c %Y "$owner" 2> /dev/null) || {
            # Given back just now, or it cannot be had at all.
            tries=$((tries + 1))
            [ "$tries" -lt 50 ] || { trouble 'taking the lock'; break; }
            continue
        }
        owner=${owner##*/owner-}
        # Another pod of the same run, whose client is this one's.
        case $owner in "$run".*) stood=$1 seen="$owner $now" ;; esac
        [ -n "$seen" ] || { seen="$owner $now" stood=0; say "wait $1 $(holder "$owner")"; }
        [ "$seen" = "$owner $now" ] || { say "error held $(holder "$owner")"; break; }
        if [ "$stood" -ge "$1" ]; then
            mv -T "$home/lock/owner-$owner" "$home/lock/owner-$id" 2> /dev/null && touch -c "$home/lock/owner-$id"
            seen=''
            continue
        fi
        sleep "$2"
        stood=$((stood + $2))
        say "busy watching"
    done
    return 1
}

holder() { # OWNER
    if [ -s "$home/holder-$1" ]; then head -n 1 "$home/holder-$1" | cut -c 1-300; else say "$1"; fi
}

is_ours() { [ -e "$home/lock/owner-$id" ]; }

# Gives the lock back. Nothing of this pod writes any more, so whoever comes next may go on in the same files.
release() {
    if is_ours; then
        if [ ! -e "$work/old" ] && rmdir "$work/files" 2> /dev/null; then
            rm -rf "$work"
        elif [ -d "$work" ]; then
            say > "$work/idle"
        fi
        rm -f "$home/holder-$id" "$home/lock/owner-$id"
        rmdir "$home/lock" 2> /dev/null
    fi
    return 0
}

# --- what dead runs left ------------------------------------------------------------------------------------------------

# Ends a publish that stopped half-way. Moving `files` away is the commit: before it the old data comes back, after it what is
# left to do is done.
finish() { # WORK
    if [ -d "$1/files" ]; then
        if [ -d "$1/old" ] && [ ! -e "$published" ]; then mv -T "$1/old" "$published" || return 1; fi
    elif [ -f "$1/receipt" ] && [ -d "$published" ]; then
        [ ! -f "$1/manifest" ] || mv -f "$1/manifest" "$home/manifest" || return 1
        mv -f "$1/receipt" "$home/receipt"
    fi
}

# Makes everything that others left ours, so that their renames find nothing, repairs, and goes on with the newest.
settle() {
    number=0 newest='' newest_since=-1
    for found in "$home"/work-* "$home"/taken-*; do
        [ -d "$found" ] || continue
        if [ "$found" != "$work" ]; then
            while [ -e "$home/taken-$id.$number" ]; do number=$((number + 1)); done
            mv -T "$found" "$home/taken-$id.$number" || continue
            found=$home/taken-$id.$number
        fi
        finish "$found" || return 1
        [ -d "$found/files" ] || continue
        since=0
        [ ! -r "$found/since" ] || read -r since < "$found/since"
        if [ "$found" = "$work" ]; then newest=$found newest_since=9999999999999; fi
        if [ "${since:-0}" -gt "$newest_since" ]; then newest=$found newest_since=$since; fi
    done
    if [ -n "$newest" ] && [ "$newest" != "$work" ]; then
        [ ! -d "$work" ] || discard "$work"
        adopt "$newest"
    fi
    [ -d "$work/files" ] || { [ ! -d "$work" ] || discard "$work"; }
    mkdir -p "$work/files" && date +%s > "$work/since" || return 1
    [ ! -e "$work/old" ] || discard "$work/old" || return 1
    rm -f "$work/idle" "$work/receipt" "$work/manifest"
    find "$work/files" ! -type f ! -type d -exec rm -f {} +
    prune "$work/files"
    for found in "$home"/taken-* "$home"/copy-*; do
        [ ! -d "$found" ] || discard "$found"
    done
    sweep
}

# Removes what is empty, or it would be in the way of a file with its name. Most directories stay, and a process for each would take
# long where there are many.
prune() { # DIRECTORY
    find "$1" -mindepth 1 -depth -type d -exec rmdir {} + 2> /dev/null
}

# A writer that was not seen to end may still have a file open, so its files are copied. What is idle is taken as it is.
adopt() { # TAKEN
    if [ -e "$1/idle" ]; then
        mv -T "$1" "$work"
    else
        rm -rf "$home/copy-$id"
        if mkdir "$home/copy-$id" && cp -R "$1/files" "$home/copy-$id/files"; then
            mv -T "$home/copy-$id" "$work"
        else
            rm -rf "$home/copy-$id"
        fi
    fi
}

# One rename first: what is half removed must not be taken for something whole.
discard() { # DIRECTORY
    rubbish=0
    while [ -e "$home/trash-$id.$rubbish" ]; do rubbish=$((rubbish + 1)); done
    mv -T "$1" "$home/trash-$id.$rubbish"
}

sweep() { rm -rf "$home"/trash-*; }

# --- what a push must not walk over --------------------------------------------------------------------------------------

check_destination() {
    free=1
    if [ -e "$ingesting" ]; then
        say "error ingesting $(tr '\n' ' ' 2> /dev/null < "$ingesting" | cut -c 1-300)"
        free=''
    fi
    if [ -d "$dataset" ]; then
        first=$(ls -A "$dataset" 2> "$why" | head -n 1)
        if [ -n "$first" ]; then
            say "error destination $dataset"
            free=''
        elif [ -s "$why" ]; then
            trouble "listing $dataset"
            free=''
        fi
    elif [ -e "$dataset" ]; then
        say "error destination $dataset"
        free=''
    fi
    [ -n "$free" ]
}

check_programs() {
    missing=''
    for program in awk cat cp cut date dd find head ls ln mkdir mv rm rmdir sed sha256sum sleep sort stat sync tail tar tee touch tr wc xargs; do
        command -v "$program" > /dev/null || { say "error missing-program $program"; missing=1; }
    done
    [ -z "$missing" ]
}

# --- frames, the left side: reads, writes files, and tells the right side ------------------------------------------------

# Reads exactly so many bytes and not one more. Blocks of what a pipe holds: larger ones cost a page fault for each of their pages.
block=65536

take() { # COUNT
    [ "$1" -lt "$block" ] || dd bs="$block" count=$(($1 / block)) iflag=fullblock status=none || return
    [ $(($1 % block)) -eq 0 ] || dd bs=$(($1 % block)) count=1 iflag=fullblock status=none
}

drop_rest() { take "$1" > /dev/null; }

# Takes what is sent into a file. If that cannot be written, `left` is how much of it is still to be read, or nothing if that is
# not known: only dd can say what it has read.
append() { # COUNT
    if [ "$1" -ge "$block" ] && ! dd bs="$block" count=$(($1 / block)) iflag=fullblock status=noxfer 2> "$why"; then
        left=$(sed -n -e 's/+.* records in$//p' "$why")
        left=${left:+$(($1 - left * block))}
        said=$(sed -e '/ records /d' "$why")
        say "$said" > "$why"
        return 1
    fi
    left=0
    [ $(($1 % block)) -eq 0 ] || dd bs=$(($1 % block)) count=1 iflag=fullblock status=none
}

# Hands content to a command that takes all of its input. HOW is how it is compressed, or nothing. If that cannot be undone,
# `garbled` says why.
feed() { # COUNT HOW COMMAND
    if [ -z "$2" ]; then
        take "$1" | "$3"
        return
    fi
    take "$1" | restore "$2" | "$3"
    fed=$?
    # What the last command says is no more than what it was given: an archive may end between two files.
    restored=''
    [ ! -r "$tmp/restored" ] || read -r restored < "$tmp/restored"
    if [ "$restored" != "$seq" ]; then
        garbled=$(said "$tmp/why-restore")
        garbled="$2: ${garbled:-it was ended}"
        return 1
    fi
    return "$fed"
}

# Takes all of its input: the rest of a stream that cannot be undone would be taken for a frame.
restore() { # HOW
    case $1 in
        gzip) gzip -d -c 2> "$tmp/why-restore" && say "$seq" > "$tmp/restored" ;;
        *) say 'is not known here' > "$tmp/why-restore" ;;
    esac
    cat > /dev/null
}

frames() {
    count=0 stopped='' open='' path='' garbled='' files=$work/files why=$tmp/why-frames
    while read -r word seq a b c d e f; do
        count=$((count + 1))
        say "$self $count" > "$tmp/beat"
        [ ! -e "$tmp/stop" ] || stopped=1
        case $word in
            beat) ;;
            tar) frame_tar ;;
            piece) frame_piece ;;
            verify) frame_list && say "hash $seq $b $c" ;;
            drop) frame_list && frame_drop ;;
            link) frame_link ;;
            end) [ -n "$stopped" ] || say "end $seq $a $b" ;;
            quit) break ;;
            *)
                # What follows cannot be told from data.
                say "error protocol unknown frame"
                cat > /dev/null
                break
                ;;
        esac
    done
    say closed
}

halt() { # WHAT
    if [ -d "$home" ] && ! is_ours; then
        # Whoever took over has taken the files along, and this is what came of it.
        say 'error lock-lost'
    elif [ -n "$garbled" ]; then
        say "error garbled $1: $garbled"
    else
        trouble "$1"
    fi
    stopped=1
}

list() { list=$tmp/list-$((seq % 256)); }

# tar SEQ LIST ARCHIVE [HOW]: names, each ended by NUL, and an archive of these files.
frame_tar() {
    list
    take "$a" > "$list"
    if [ -n "$stopped" ]; then
        drop_rest "$b"
    elif feed "$b" "$c" unpack; then
        say "hash $seq files 0"
    else
        halt 'unpacking'
    fi
}

# Takes all of its input, or the rest of an archive that cannot be unpacked would be taken for a frame.
unpack() {
    tar -x -m -o -f - -C "$files" 2> "$why"
    status=$?
    cat > /dev/null
    return "$status"
}

# piece SEQ PATH OFFSET BYTES MORE [HOW LENGTH]: goes on with one file, which must be as long as the offset says; without a path, with
# the one before, for a path costs a process. Compressed content is LENGTH bytes without that.
frame_piece() {
    if [ "$a" -gt 0 ]; then
        path=$(take "$a"; say x)
        path=${path%x}
        to=$files/$path
    fi
    if [ -z "$stopped" ] && [ "$open" != "$path" ]; then
        if ready_for_pieces 2> "$why"; then open=$path; else halt 'opening a file'; fi
    fi
    left=$c
    if [ -n "$stopped" ]; then
        drop_rest "$c"
    elif write_piece; then
        say "landed $seq" >&3
        if [ "$d" != more ]; then
            open=''
            list
            printf '%s\0' "$path" > "$list"
            whole=$((b + ${f:-$c}))
            # What is told of it must fit what a shell writes at once.
            if [ "$d" = files ] && [ "${#path}" -le 500 ]; then say "whole $seq $whole"; else say "hash $seq $d $whole"; fi
        fi
    else
        halt 'writing'
        if [ -n "$left" ]; then drop_rest "$left"; else cat > /dev/null; fi
    fi
}

write_piece() {
    if [ -z "$e" ]; then
        append "$c" 2> "$why" >> "$to"
        return
    fi
    left=0
    if feed "$c" "$e" keep; then
        is=$(stat -c %s "$to")
        [ "$is" != $((b + f)) ] || return 0
        garbled="$e: $((${is:-$b} - b)) bytes, not $f"
    fi
    # What came out of a stream before it broke may be wrong; then all that landed before would have to be sent again with it.
    [ -z "$garbled" ] || dd if=/dev/null of="$to" bs=1 seek="$b" count=0 status=none 2> "$why"
    return 1
}

# Takes all of its input, like unpack.
keep() {
    cat 2> "$why" >> "$to"
    status=$?
    cat > /dev/null
    return "$status"
}

ready_for_pieces() {
    case $path in */*) mkdir -p "$files/${path%/*}" || return 1 ;; esac
    if [ "$b" -eq 0 ]; then
        rm -f "$to" && true > "$to"
        return
    fi
    # shellcheck disable=SC2046
    set -- $(stat -c '%s %h' "$to")
    [ "$1" = "$b" ] || { say "has $1 bytes, not $b" >&2; return 1; }
    # Another name of it may be in the published tree.
    [ "$2" = 1 ] || ticking copying own
}

own() { cp "$to" "$work/own" && mv -f "$work/own" "$to"; }

frame_list() {
    list
    take "$a" > "$list"
    [ -z "$stopped" ]
}

# drop SEQ LIST
frame_drop() {
    if (cd "$files" && words "$list" rm -f --) 2> "$why"; then
        ticking removing prune "$files"
        say "dropped $seq"
    else
        halt 'removing'
    fi
}

# link SEQ LIST DIRECTORY: names in one directory of the published tree become names in the same directory of the new one.
frame_link() {
    list
    take "$a" > "$list"
    directory=$(take "$b"; say x)
    directory=${directory%x}
    [ -z "$stopped" ] || return
    # shellcheck disable=SC2016
    if mkdir -p "$files/$directory" 2> "$why" && (
        cd "$published" && words "$list" sh -c 'to=$1; shift; ln -- "$@" "$to/"' sh "$files/$directory"
    ) 2> "$why"; then
        say "linked $seq yes"
    else
        say "linked $seq no"
    fi
}

# --- reports, the right side: the only writer of the output --------------------------------------------------------------

report_receive() { # WATCH STEP HOLDER
    open_receive "$@" || say > "$tmp/stop"
    older='' newer=''
    while read -r word seq a b; do
        [ "$word" = whole ] || await
        case $word in
            whole) report_whole "$a" ;;
            hash) report_hash ;;
            end) [ -e "$tmp/stop" ] || finish_receive "$a" "$b" || say > "$tmp/stop" ;;
            closed) break ;;
            *) say "$word${seq:+ $seq}${a:+ $a}${b:+ $b}" ;;
        esac
    done
}

open_receive() { # WATCH STEP HOLDER
    acquire "$@" && check_destination || return 1
    ticking settling settle_quietly || { trouble 'repairing what a dead run left'; return 1; }
    report_run
    inventory staged "$work/files" && inventory published "$published" || return 1
    say ready
}

settle_quietly() { settle > /dev/null 2> "$why"; }

report_run() {
    if [ -r "$home/run" ]; then
        say "run $(wc -c < "$home/run")"
        cat "$home/run"
    else
        say 'run 0'
    fi
}

# WORD NAMES SIZES: so many bytes of names, each ended by NUL, and of sizes, each on a line, in the same order.
inventory() { # WORD DIRECTORY
    ticking listing collect "$2" 2> "$why" || { trouble 'listing what is there'; return 1; }
    say "$1 $(wc -c < "$tmp/names") $(wc -c < "$tmp/sizes")"
    cat "$tmp/names" "$tmp/sizes"
}

collect() { # DIRECTORY
    say > "$tmp/sizes"
    true > "$tmp/names"
    true > "$tmp/sizes"
    [ ! -d "$1" ] || (
        cd "$1" && find . -type f -print0 > "$tmp/names" && words "$tmp/names" stat -c %s > "$tmp/sizes"
    )
}

# whole SEQ BYTES: a file that came in pieces. Two of them are hashed at the same time, so that there is less to wait for when the
# last one has come; each is told in one write, for the other one's may be told at any moment.
report_whole() { # BYTES
    [ -z "$older" ] || wait "$older"
    older=$newer
    hash_beside "$1" &
    newer=$!
}

hash_beside() { # BYTES
    list
    if [ "$1" -gt "$long" ]; then ticking hashing digest_beside; else digest_beside; fi
}

digest_beside() {
    digest=$(cd "$work/files" && words "$list" sha256sum --) && say "$digest" >> "$tmp/receipt"
    printf 'digests %s\n%sverified %s\n' "$seq" "${digest:+$digest
}" "$seq"
}

# Whatever else is told is not told in one write.
await() {
    [ -z "$older" ] || wait "$older"
    [ -z "$newer" ] || wait "$newer"
    older='' newer=''
}

# hash SEQ PLACE BYTES
report_hash() {
    list
    case $a in
        published) place=$published ;;
        *) place=$work/files ;;
    esac
    say "digests $seq"
    if [ "${b:-0}" -gt "$long" ]; then
        ticking hashing digests_quietly "$a"
        cat "$tmp/digests"
    else
        digests "$a"
    fi
    say "verified $seq"
}

digests_quietly() { digests "$1" > "$tmp/digests"; }

digests() { # PLACE
    case $1 in
        odd) digest_odd ;;
        *) (cd "$place" && words "$list" sha256sum --) | tee -a "$tmp/receipt" ;;
    esac
}

# A name that does not fit a line: hashed by its content alone, written as the list format escapes it.
digest_odd() {
    path=$(tr '\0' x < "$list")
    path=${path%x}
    digest=$(sha256sum < "$place/$path") || return
    shown=$(printf '%sx' "$path" | sed -e 's/\\/\\\\/g' | awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }')
    shown=${shown%x}
    [ "$shown" = "$path" ] || digest="\\$digest"
    printf '%s  %s\n' "${digest%% *}" "$shown" | tee -a "$tmp/receipt"
}

# What is there is counted once more, and what was read back becomes the manifest.
finish_receive() { # COUNT BYTES
    is_ours || { say 'error lock-lost'; return 1; }
    ticking syncing conclude "$1" || { trouble 'syncing'; return 1; }
    # shellcheck disable=SC2046
    set -- "$@" $(wc -l < "$tmp/sizes") $(wc -l < "$work/manifest") $(awk '{ sum += $1 } END { printf "%.0f", sum }' "$tmp/sizes") \
        $(sha256sum < "$work/manifest")
    if [ "$3" != "$1" ] || [ "$4" != "$1" ] || [ "$5" != "$2" ]; then
        say "error mismatch $3 files, $4 of them hashed, $5 bytes"
        return 1
    fi
    printf 'longshore receipt 1\nrun %s\nfiles %s\nbytes %s\nmanifest %s\n' "$run" "$1" "$2" "$6" > "$work/receipt.new" &&
        mv -f "$work/receipt.new" "$work/receipt" || return 1
    say "receipt $3 $5 $6"
}

conclude() { # COUNT
    {
        true >> "$tmp/receipt"
        latest "$1" | sort -t ' ' -k 3 > "$work/manifest" &&
            flush &&
            (cd "$work/files" && find . ! -type d -print0 > "$tmp/names" && words "$tmp/names" stat -c %s > "$tmp/sizes")
    } 2> "$why"
}

# What was hashed more than once counts as it was found last.
latest() { # COUNT
    if [ "$(wc -l < "$tmp/receipt")" -eq "$1" ]; then
        cat "$tmp/receipt"
    else
        awk '{ last[substr($0, index($0, "  "))] = $0 } END { for (name in last) print last[name] }' "$tmp/receipt"
    fi
}

# Of one file system where sync can do that, and then errors are told. There is nothing to write where it is tried.
flush() {
    if sync -f /proc/self 2> /dev/null; then sync -f "$staging"; else sync; fi
}

# --- publish --------------------------------------------------------------------------------------------------------------

report_publish() { # DIGEST
    publish "$1"
    until_closed
}

# The lock was kept, and is, for as long as frames come.
report_hold() {
    if is_ours; then say held; else say 'error lock-lost'; fi
    until_closed
}

until_closed() {
    while read -r word; do
        [ "$word" != closed ] || break
    done
}

publish() { # DIGEST
    is_ours || { say 'error lock-lost'; return 1; }
    attempt 'repairing a publish' finish "$work" || return 1
    if [ ! -d "$work/files" ]; then
        [ ! -d "$work" ] || discard "$work"
        [ -d "$published" ] && [ "$(digest_of "$home/manifest")" = "$1" ] || { say 'error not-verified'; return 1; }
    else
        check_destination || return 1
        [ -f "$work/receipt" ] && [ "$(digest_of "$work/manifest")" = "$1" ] || { say 'error not-verified'; return 1; }
        [ ! -e "$work/old" ] || attempt 'removing what is left' discard "$work/old" || return 1
        if [ -e "$published" ] || [ -L "$published" ]; then
            attempt 'moving the old data away' mv -T "$published" "$work/old" || return 1
        fi
        if ! attempt 'moving the new data in' mv -T "$work/files" "$published"; then
            [ ! -e "$work/old" ] || mv -T "$work/old" "$published"
            return 1
        fi
        attempt 'moving the receipt' finish "$work" || return 1
        discard "$work"
    fi
    ticking syncing flush_quietly || { trouble 'syncing'; return 1; }
    say "published $1"
    ticking removing sweep
}

flush_quietly() { flush 2> "$why"; }

digest_of() { # FILE
    [ -f "$1" ] || return 1
    digest=$(sha256sum < "$1") || return 1
    say "${digest%% *}"
}

# --- after the Job ---------------------------------------------------------------------------------------------------------

report_reclaim() { # DIGEST WATCH STEP HOLDER [RECORD]
    digest_wanted=$1
    shift
    if acquire "$@"; then
        # With a record to go by: another run that uses the same copy has written its own, under the lock. Where there is neither, it
        # is gone, perhaps because this was asked before.
        if [ $# -gt 3 ] && { [ -e "$published" ] || [ -e "$home/run" ]; } &&
            [ "$(cat "$home/run" 2> /dev/null)" != "$(printf '%s' "$4")" ]; then
            say 'reclaimed other'
        else
            reclaim "$digest_wanted"
        fi
        release
    fi
    until_closed
}

# Removes the staged copy, if it is still the one that was meant.
reclaim() { # DIGEST
    if [ -e "$ingesting" ]; then
        say "error ingesting $(tr '\n' ' ' 2> /dev/null < "$ingesting" | cut -c 1-300)"
    elif [ -e "$home/manifest" ] && [ "$(digest_of "$home/manifest")" != "$1" ]; then
        say 'reclaimed other'
    else
        outcome=absent
        if [ -e "$published" ]; then
            attempt 'removing the staged copy' discard "$published" || return 1
            outcome=removed
        fi
        rm -f "$home/manifest" "$home/receipt" "$home/run"
        say "reclaimed $outcome"
        ticking removing sweep
    fi
}

# Takes away what runs left that ended long ago. The clock is the node's, both times.
report_clean() { # AGE WATCH STEP HOLDER
    age=$1
    shift
    for place in "$all"/*; do
        [ -d "$place" ] || continue
        enter "${place##*/}"
        if is_stale "$age"; then
            # Its errors are about one table of many.
            if ticking watching acquire_quietly "$@"; then
                clean "$age"
                release
            else
                say "kept $table $(tail -n 1 "$tmp/said")"
                continue
            fi
        fi
        stands "$age"
    done
    say cleaned
    until_closed
}

acquire_quietly() { acquire "$@" > "$tmp/said"; }

# Tells of a published copy that is so old, or of what is left beside one that a Job has consumed. Whether a Job still reads it is for the
# client to find out.
stands() { # AGE
    [ -f "$home/receipt" ] || return 0
    clock=$(date +%s)
    verified=$(stat -c %Y "$home/receipt") || return 0
    [ $((clock - verified)) -ge "$1" ] || return 0
    digest=$(digest_of "$home/manifest") || return 0
    say "stands $table $digest"
    report_run
}

is_stale() { # AGE
    for found in "$home"/work-* "$home"/taken-* "$home"/copy-* "$home"/trash-*; do
        [ ! -d "$found" ] || ! is_old "$found" "$1" || return 0
    done
    return 1
}

# Copies and rubbish do not say since when they are there; nobody goes on with them.
is_old() { # DIRECTORY AGE
    clock=$(date +%s) since=0
    [ ! -r "$1/since" ] || read -r since < "$1/since"
    [ $((clock - ${since:-0})) -ge "$2" ]
}

# What is younger may be gone on with, whatever lies beside it.
clean() { # AGE
    for found in "$home"/work-* "$home"/taken-* "$home"/copy-*; do
        [ ! -d "$found" ] || ! is_old "$found" "$1" || { finish "$found" && discard "$found"; }
    done
    ticking removing sweep
    say "removed $table"
}

# --- short verbs ------------------------------------------------------------------------------------------------------------

# Everything that would stop a push is a finding here; it changes nothing for longer than it looks.
verb_probe() {
    enter "$table"
    say 'longshore 1'
    say begin
    if check_programs; then
        attempt 'making the staging directory' mkdir -p "$all" && attempt 'writing to the volume' probe_write
        check_destination
        say "space $(stat -f -c '%a %S %d %c' "$shared")"
        for found in "$home"/lock/owner-*; do
            [ ! -e "$found" ] || say "held $(holder "${found##*/owner-}")"
        done
        for found in "$home"/work-* "$home"/taken-*; do
            [ ! -d "$found" ] || say "leftover ${found##*/}"
        done
        for program in zstd gzip; do
            command -v "$program" > /dev/null && say "compressor $program"
        done
        report_run
    fi | sed -e 's/^error /finding /'
    say done
}

probe_write() {
    say probe > "$all/.probe-$id" && rm -f "$all/.probe-$id"
}

# record TEXT: keeps what the client says of its Job with the data; no text takes it away.
verb_record() {
    enter "$table"
    is_ours || { say 'error lock-lost'; return; }
    if [ -n "$1" ]; then
        printf '%s' "$1" > "$home/run.new" 2> "$why" && mv -f "$home/run.new" "$home/run" 2> "$why" ||
            { trouble 'recording the run'; return; }
    else
        rm -f "$home/run"
    fi
    say recorded
}

verb_release() {
    enter "$table"
    end_session || { say 'error stuck a process of an earlier session does not end'; return; }
    release
    say released
}

# A runtime tells no end of a process that left input unread, so a verb without a session takes what its client still sends.
until_quit() {
    while read -r word rest; do
        [ "$word" != quit ] || break
    done
}

# mirror BYTES: there, hashed, and back.
verb_mirror() {
    dd bs=65536 count=$(($1 / 65536)) iflag=fullblock status=none > "$tmp/mirror"
    say "digest $(digest_of "$tmp/mirror") $(wc -c < "$tmp/mirror")"
    cat "$tmp/mirror"
    rm -f "$tmp/mirror"
}

# --- process 1 --------------------------------------------------------------------------------------------------------------

# Keeps the lock fresh while a client is heard of; else ends everything and gives the lock back.
supervise() { # BEAT SILENCE FIRST
    enter "$table"
    trap 'stop_all' TERM INT HUP
    heard='' quiet=0 patience=$3
    while [ "$quiet" -lt "$patience" ]; do
        now=''
        [ ! -r "$tmp/beat" ] || read -r now < "$tmp/beat"
        if [ "$now" != "$heard" ]; then
            heard=$now quiet=0 patience=$2
        fi
        if [ -d "$home/lock" ]; then
            touch -c "$home/lock/owner-$id"
        fi
        sleep "$1" > /dev/null 2>&1 &
        wait "$!"
        quiet=$((quiet + $1))
    done
    stop_all
}

stop_all() {
    trap '' TERM INT HUP
    # What cannot be ended keeps the lock, until somebody has watched it stand still.
    end_session && release
    exit 0
}

# --- which one --------------------------------------------------------------------------------------------------------------

# The frames come in on the left, and the right side writes to the output. Only that a piece landed is told by the left itself, past
# whatever the right side is hashing; it is so short that it cannot be torn.
session() { # REPORT ARGUMENT...
    enter "$table"
    say 'longshore 1'
    exec 3>&1
    if check_programs && begin_session; then
        frames | "$@"
        rm -f "$tmp/session"
    else
        # An error was told; what was sent meanwhile is still taken.
        say > "$tmp/stop"
        frames | until_closed
    fi
}

mkdir -p "$tmp" || say "error not-writable $tmp"
case $verb in
    supervise) supervise "$@" ;;
    receive) session report_receive "$@" ;;
    publish) session report_publish "$@" ;;
    reclaim) session report_reclaim "$@" ;;
    clean) session report_clean "$@" ;;
    hold) session report_hold ;;
    probe) verb_probe "$@"; until_quit ;;
    record) verb_record "$@"; until_quit ;;
    release) verb_release "$@"; until_quit ;;
    mirror) verb_mirror "$@" ;;
    *) say "error protocol unknown verb $verb" ;;
esac
