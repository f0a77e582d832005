#!/usr/bin/env bash
# Whether this machine can boot a systemd in a container, which tests/boot.rs needs; says why not.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

no() { printf 'cannot boot a systemd here: %s\n' "$*"; exit 1; }

[[ $(id -u) == 0 ]] || no "not root"
for command in systemd-nspawn unshare nsenter mount timeout; do
  command -v "$command" >/dev/null || no "there is no $command"
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Boots, and goes down at once.
if ! timeout --kill-after=10 60 bash support/systemd-box.sh "$folder" "$BASH" systemd.unit=poweroff.target \
  >"$folder/log" 2>&1 </dev/null; then
  no "$(tail -n 1 "$folder/log")"
fi
echo "can boot a systemd"
