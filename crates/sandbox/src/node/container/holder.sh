# Builds a container's file system in a mount namespace of its own and holds it until standard input ends.
#
#   $1      an empty directory that becomes the root
#   $2      the tools: host, busybox or empty
#   $3      the busybox program
#   then, for each mount: its path in the container, what is mounted there, and rw or ro
#
# Nothing is ever made below a directory of the machine: the root is a tmpfs, and mount paths below the tools are refused before.
set -eu
root=$1 tools=$2 busybox=$3
shift 3
mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir "$root/etc" "$root/tmp" "$root/proc" "$root/dev"
chmod 1777 "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"

# bind DIR…: the machine's own, by the same name
bind() {
  for dir in "$@"; do
    if [ -L "$dir" ]; then
      ln -s "$(readlink "$dir")" "$root$dir"
    elif [ -d "$dir" ]; then
      mkdir -p "$root$dir"
      mount --rbind "$dir" "$root$dir"
      mount -o remount,bind,ro "$root$dir" 2>/dev/null || true
    fi
  done
}

for file in passwd group hosts nsswitch.conf localtime ld.so.cache; do
  if [ -e "/etc/$file" ]; then cp -L "/etc/$file" "$root/etc/$file"; fi
done
case $tools in
  host)
    bind /bin /sbin /lib /lib32 /lib64 /usr /opt /nix
    for dir in alternatives ssl; do
      if [ -d "/etc/$dir" ]; then mkdir "$root/etc/$dir"; mount --rbind "/etc/$dir" "$root/etc/$dir"; fi
    done
    ;;
  busybox)
    mkdir -p "$root/bin" "$root/usr/bin"
    cp "$busybox" "$root/bin/busybox"
    "$root/bin/busybox" --install "$root/bin"
    # Distributions link busybox against the C library.
    bind /lib /lib64
    if [ -L "$root/lib" ] && [ -d /usr/lib ]; then bind /usr/lib; fi
    if [ -L "$root/lib64" ] && [ -d /usr/lib64 ]; then bind /usr/lib64; fi
    ;;
esac

while [ $# -ge 3 ]; do
  if [ -d "$2" ]; then
    mkdir -p "$root$1"
  else
    mkdir -p "$(dirname "$root$1")"
    : > "$root$1"
  fi
  mount --bind "$2" "$root$1"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$root$1"; fi
  shift 3
done
echo ready
exec cat > /dev/null
