#!/usr/bin/env bash
# A long soak: storms from fresh seeds for as many minutes as asked, and between them the kill -9 of the
# real program where its servers are installed (tests/run.sh --install-only).
#
#   tests/soak.sh MINUTES [FIRST-SEED]
#
# Prints a table at the end: storms, cycles, requests, kills, people, faults by kind, violations. A violation
# ends the soak at once with the command that repeats it. What a storm is: src/testing/proof/storm.rs.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

minutes=${1:?usage: tests/soak.sh MINUTES [FIRST-SEED]}
# Seeds differ from soak to soak; the first one is printed, so that a soak can be repeated.
first=${2:-$(date +%s)000000}
readonly batch=500
begun=$SECONDS
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

cargo test --no-run --quiet --lib --test kill
storms() {
  SCIMWARD_STORM_FIRST=$1 SCIMWARD_STORM_SEEDS=$batch \
    cargo test --quiet --lib after_every_storm -- --nocapture >"$2" 2>&1
}
kills=0 kill_runs=0
can_kill() { [[ -d .cache/scimmy ]] && command -v slapd >/dev/null; }

echo "== soak of $minutes minutes, first seed $first"
seed=$first round=0
while ((SECONDS - begun < minutes * 60)); do
  round=$((round + 1))
  if ! storms "$seed" "$results/$round"; then
    grep -v '^stack\|^  *[0-9]*:\|^  *at ' "$results/$round"
    exit 1
  fi
  seed=$((seed + batch))
  if can_kill && ((round % 4 == 0)); then
    cargo test --quiet --test kill killed >"$results/kill" 2>&1 || { cat "$results/kill"; exit 1; }
    kill_runs=$((kill_runs + 1))
  fi
done

awk -v seconds=$((SECONDS - begun)) -v kill_runs="$kill_runs" '
  /^storms:/ {
    for (at = 1; at < NF; at += 2) if ($at != "seconds:") { sum[$at] += $(at + 1); if (!seen[$at]++) order[++columns] = $at }
    next
  }
  /^ +[0-9]+  / { count = $1; $1 = ""; faults[substr($0, 2)] += count }
  END {
    printf "%-32s %12d\n", "seconds", seconds
    for (at = 1; at <= columns; at++) { name = order[at]; sub(":", "", name); printf "%-32s %12d\n", name, sum[order[at]] }
    printf "%-32s %12d\n", "kill -9 of the real program", kill_runs ? kill_runs : 0
    print ""
    print "faults"
    sort = "sort -k1,1nr"
    for (name in faults) printf "%12d  %s\n", faults[name], name | sort
  }' $(ls "$results" | grep -v kill | sed "s|^|$results/|")
