# shellcheck shell=bash
section "Read, write, and execute permissions for EFS files and directories"

step "A new file system is an empty directory that root owns."
on guest1 root 'drwxr-xr-x root root' "stat --format '%A %U %G' ."
on guest1 root '' 'ls -A'
on guest1 alice 'Permission denied' 'mkdir alice' 'only root writes there'

step "Root makes a directory for each of them, and one to share."
on guest1 root '' 'mkdir alice mark share && chown alice:alice alice && chown mark:mark mark'
on guest1 root '' 'chmod 700 alice mark && echo closed on Friday > share/notice'
on guest1 root 'drwx------ alice' "stat --format '%A %U' alice"
on guest1 root 'drwxr-xr-x root' "stat --format '%A %U' share"

step "Alice reads and writes in /alice, Mark in /mark."
on guest1 alice 'milk' 'echo milk > alice/list && cat alice/list'
on guest1 mark 'dear diary' 'echo dear diary > mark/diary && cat mark/diary'
on guest1 alice 'Permission denied' 'cat mark/diary' 'Alice does not read what is in /mark'
on guest1 alice 'Permission denied' 'touch mark/note' 'nor write there'
on guest1 mark 'Permission denied' 'ls alice' 'Mark does not read what is in /alice'
on guest1 mark 'Permission denied' 'rm alice/list' 'nor remove it'

step "Both read /share, and don't write there."
for user in alice mark; do
    on guest1 $user 'closed on Friday' 'cat share/notice'
    on guest1 $user 'Permission denied' 'echo open >> share/notice'
    on guest1 $user 'Permission denied' 'touch share/mine'
done

step "Execution is a permission of its own."
on guest1 alice 'Permission denied' 'echo echo well done > alice/job; alice/job'
on guest1 alice 'well done' 'chmod u+x alice/job && alice/job'

step "Only root gives files away; owners give them to groups of theirs."
on guest1 root '' 'echo friends:x:2000:alice,mark >> /etc/group' 'a group of the two, on this machine'
on guest1 alice 'Operation not permitted' 'chown mark alice/list'
on guest1 alice 'Operation not permitted' 'chgrp mark alice/list'
on guest1 alice 'alice friends' "chgrp friends alice/list && stat --format '%U %G' alice/list"

step "A directory of the group, which what is made there belongs to."
on guest1 root '' 'mkdir team && chgrp friends team && chmod 2770 team'
on guest1 alice 'alice friends' "umask 2; echo plan > team/plan; stat --format '%U %G' team/plan"
on guest1 mark 'plan B' 'echo plan B > team/plan && cat team/plan' 'Mark is of the group'
on guest1 carol 'Permission denied' 'cat team/plan' 'Carol is not'

step "Root is not squashed: that of any machine that can connect may do everything."
on guest2 root 'dear diary' 'cat mark/diary'
on guest2 root '' 'echo root was here >> mark/diary'
on guest1 mark 'root was here' 'cat mark/diary'

step "Nor are numbers checked: they are what the machine says they are."
on guest2 root 'uid=1002' 'setpriv --reuid 1002 --clear-groups bash -c "id; cat mark/diary"'
like 'dear diary' 'whoever says 1002 is Mark'
