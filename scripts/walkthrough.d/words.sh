# The words that the sections are written in.
# shellcheck shell=bash

steps=0
checks=0
answer=''                       # What the last command answered.
declare -A key_of secret_of     # Of users: their access keys.
who=root                        # Who calls the API.

# The AWS CLI: see aws-cli.py.
exec {cli}< <(exec python3 -B "$here/aws-cli.py")
cli_process=$!
read -r port <&$cli
aws() {
    local answer stream
    exec {stream}<> "/dev/tcp/127.0.0.1/$port"
    printf '%s\0' "$PWD" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$@" '' >&$stream
    answer=$(cat <&$stream)
    exec {stream}>&-
    printf '%s\n' "${answer%$'\n'*}"
    return "${answer##*$'\n'}"
}

# section TITLE
section() {
    printf '\n== %s\n' "$1"
}

# step TEXT
step() {
    steps=$((steps + 1))
    printf '\n%d. %s\n' "$steps" "$1"
}

# checked WHAT
checked() {
    checks=$((checks + 1))
    printf '   checked: %s\n' "$1"
}

# wrong EXPECTED: ends the walkthrough.
wrong() {
    printf '   WRONG, in step %d: expected %s\n' "$steps" "$1"
    exit 1
}

# Shows a command as somebody would type it.
show_command() {
    local word words=''
    for word in "$@"; do
        case $word in
            *[[:space:]\"\$\*\[\{]* | '') word="'$word'" ;;
        esac
        words+=" $word"
    done
    printf '   %s$%s\n' "$who" "$words"
}

show_answer() {
    printf '%s\n' "$answer" | sed '/^$/d; s/^/     /'
}

# run COMMAND...: which must succeed; $answer is what it wrote.
run() {
    local status=0
    show_command "$@"
    answer=$("$@" 2>&1) || status=$?
    show_answer
    [ $status = 0 ] || wrong 'success'
}

# refused CODE COMMAND...: which must fail with this error of AWS's.
refused() {
    local code=$1 status=0
    shift
    show_command "$@"
    answer=$("$@" 2>&1) || status=$?
    show_answer
    case $status:$answer in
        0:*) wrong "the error $code" ;;
        *"($code)"*) checked "refused with $code" ;;
        *) wrong "the error $code" ;;
    esac
}

# denied WHY WHAT COMMAND...: localefs explains that it is denied, in words that match.
denied() {
    local why=$1 what=$2 status=0
    shift 2
    show_command "$@"
    answer=$("$@" 2>&1) || status=$?
    show_answer
    [ $status = 1 ] || wrong 'that it is denied'
    like "$why" "$what"
}

# is EXPECTED WHAT: the answer is exactly this, but for white space.
is() {
    # shellcheck disable=SC2086,SC2116 # White space is to be squeezed.
    [ "$(set -f && echo $answer)" = "$(set -f && echo $1)" ] || wrong "$1"
    checked "$2"
}

# like PATTERN WHAT: an extended regular expression matches the answer.
like() {
    printf '%s\n' "$answer" | grep -Eq -- "$1" || wrong "$1"
    checked "$2"
}

# as USER COMMAND...: calls the API as this user.
as() {
    local who=$1
    shift
    AWS_ACCESS_KEY_ID=${key_of[$who]} AWS_SECRET_ACCESS_KEY=${secret_of[$who]} "$@"
}

# on GUEST USER EXPECTED COMMAND [WHAT]: runs it in a machine as that user. The answer has to
# contain what is expected; if that is nothing, there has to be no answer.
on() {
    local sign='$' command
    [ "$2" = root ] && sign='#'
    printf '   %s@%s%s %s\n' "$2" "$1" "$sign" "$4"
    printf -v command 'cd /mnt/efs && exec setpriv --reuid %s --regid %s --init-groups bash -c %q' \
        "$2" "$2" "$4"
    answer=$(localefs-lab in "$1" "$command" 2>&1) || true
    answer=${answer//bash: line 1: /}
    show_answer
    case $answer in *"$3"*) ;; *) wrong "$3" ;; esac
    [ -n "$3" ] || [ -z "$answer" ] || wrong 'no answer'
    checked "${5:-${3:-it is done}}"
}

# begin GUEST COMMAND: begins what may hang.
begin() {
    printf '   root@%s# %s\n' "$1" "$2"
    begun=$(mktemp)
    localefs-lab in "$1" "$2" > "$begun" 2>&1 &
    begun_process=$!
}

# hangs WHAT: what was begun has not ended after a while.
hangs() {
    sleep 2
    kill -0 $begun_process 2> /dev/null || { answer=$(< "$begun"); show_answer; wrong "it hangs"; }
    checked "$1"
}

# goes_through WHAT: what was begun ends, and well.
goes_through() {
    local status=0
    wait $begun_process || status=$?
    answer=$(< "$begun")
    show_answer
    rm "$begun"
    [ $status = 0 ] || wrong 'success'
    checked "$1"
}
