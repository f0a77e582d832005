#!/usr/bin/env bash
# A real systemd as process 1, in a container of this machine's own root directory.
#
#   systemd-box.sh FOLDER PROGRAM [INIT ARGUMENTS]
#
# FOLDER/add is copied over the root; PROGRAM is seen as /usr/bin/scimward. Nothing inside is kept:
# the root is an overlay whose upper layer is a tmpfs in a mount namespace of its own, and so is gone
# with this process, which becomes systemd-nspawn. The network is this machine's own, so the servers
# of a test on loopback can be reached.
set -euo pipefail
if [[ -z ${SCIMWARD_BOX:-} ]]; then SCIMWARD_BOX=1 exec unshare --mount "$BASH" "$0" "$@"; fi
folder=$1 program=$2
shift 2
mkdir -p "$folder/add" "$folder/box"
mount -t tmpfs tmpfs "$folder/box"
mkdir "$folder"/box/{upper,work,root}
root=$folder/box/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/box/upper,workdir=$folder/box/work" "$root"
# systemd-nspawn wants a mount point.
mount --bind "$root" "$root"
# A machine of its own, which starts nothing but what it is asked for.
: >"$root/etc/machine-id"
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/rc?.d "$root"/var/lib/{private,}/scimward* "$root/etc/scimward"
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
touch "$root/usr/bin/scimward"
cp -a "$folder/add/." "$root/"
# The machine may have the old cgroup tree besides the new one.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn --quiet --register=no --keep-unit --link-journal=no --machine="scimward-$$" \
  --bind-ro="$program:/usr/bin/scimward" --directory="$root" --boot "$@"
