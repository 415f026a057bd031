# shellcheck shell=bash
section "Source ports for working with EFS"

step "Any source port will do."
on guest1 root 'port' "awk '\$3 ~ /:0801\$/ { print \$2 }' /proc/net/tcp | sed s/.*:/0x/ | xargs printf 'port %d'" \
    'the mount of the kernel has one'
like '^port [3-6][0-9]{4}$' 'with noresvport, it is an unprivileged one'

step "So an ordinary process may speak NFS itself, and claim to be root."
localefs-lab in guest1 "install -m 755 '$here/../demo.d/claim-root.py' /run/claim-root.py"
on guest1 carol 'Permission denied' 'cat mark/diary' "Carol does not read Mark's diary"
claim="/run/claim-root.py $address mark/diary"
on guest1 carol 'dear diary' "$claim" 'but a program of hers does'
like 'from port [3-6][0-9]{4},' 'from an unprivileged port'

step "The firewall rule for clients: only root, and so the kernel, connects to NFS."
rule='iptables -I OUTPUT 1 -m owner --uid-owner 1-4294967294 -m tcp -p tcp --dport 2049 -j DROP'
on guest1 root '' "${rule/iptables/iptables-legacy}" 'the rule is in force'
on guest1 carol 'timed out' "$claim" "Carol's program gets no connection"
on guest1 alice 'milk' 'cat alice/list' 'the mount works as before'
