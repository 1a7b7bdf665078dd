# Outlives the sandbox by a moment: when the pipe on standard input ends, it kills what the sandbox has started.
#
#   $1  what every process of this sandbox has in its environment
#
# Lines on standard input: "+ GROUP" when a process group begins, "- GROUP" when it has ended.
trap '' HUP INT TERM
groups=' '
echo ready
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
  esac
done
for group in $groups; do kill -KILL -- "-$group" 2>/dev/null; done
# What left its group still has the environment it was born with. More than one round: it may be starting others.
for round in 1 2 3; do
  for file in $(grep -lsF -- "$1" /proc/[0-9]*/environ); do
    process=${file#/proc/}
    kill -KILL "${process%/environ}" 2>/dev/null
  done
done
