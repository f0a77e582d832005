#!/usr/bin/env bash
# A long soak: storms from fresh seeds for as many minutes as asked, and between them kill -9 of the
# real program, where the servers for it are installed (tests/run.sh --install-only).
#
#   tests/soak.sh MINUTES [FIRST-SEED]
#
# Prints a line for each round, and at the end a table: storms, cycles, requests, kills, people, faults by
# kind, violations. Ends with 1 when there were violations, after the commands that repeat them.
# What a storm is: src/testing/proof/storm.rs. What is killed, and when: tests/kill.rs.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$(readlink -f "$0")")/.."
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# Storms and kills of one round: each takes some ten seconds.
readonly seeds_per_round=500 kills_per_round=40

usage() {
  echo "usage: tests/soak.sh MINUTES [FIRST-SEED]" >&2
  exit 2
}

# Builds, and keeps a copy of the test programs: what was there at the start is what is soaked.
# The program that is killed stays in target/debug; do not build meanwhile.
build() {
  local log=$results/build
  cargo test --no-run --lib --test kill >"$log" 2>&1 || { cat "$log"; exit 1; }
  local executable
  sed -n 's/^ *Executable.*(\(.*\))$/\1/p' "$log" | while read -r executable; do
    case $executable in
      */scimward-*) cp "$executable" "$results/storms" ;;
      */kill-*) cp "$executable" "$results/killer" ;;
    esac
  done
}

can_kill() { [[ -d .cache/scimmy ]] && command -v slapd >/dev/null; }

# Runs a test program, with its output in a file of this round. A test that fails is not the end: the
# figures say how often.
run() {
  local name=$1
  shift
  if ! env "$@" >"$results/$round.$name" 2>&1; then
    failed+=("$results/$round.$name")
  fi
}

# The sum of what stands after WORD in the outputs of NAME; a line may begin with the dot of a test that went
# well.
total() {
  cat /dev/null "$results"/*."$1" | awk -v word="$2" '
    { sub(/^\.+/, ""); for (at = 1; at < NF; at++) if ($at == word) sum += $(at + 1) }
    END { printf "%d", sum }'
}

row() { printf '%-32s %12s\n' "$1" "$2"; }

# A test of the kills that failed has not said of how many violations.
violations() {
  local count file
  count=$(total storms violations:)
  for file in "${failed[@]}"; do
    if [[ $file == *.kills ]] || ! grep -q '^storms:' "$file"; then count=$((count + 1)); fi
  done
  echo "$count"
}

table() {
  echo
  row minutes "$(((SECONDS - begun) / 60))"
  row storms "$(total storms storms:)"
  row "cycles in storms" "$(total storms cycles:)"
  row "requests in storms" "$(total storms requests:)"
  row "people in storms" "$(total storms people:)"
  row "kills in storms" "$(total storms kills:)"
  row "kill -9 of the real program" "$(total kills kills:)"
  row violations "$(violations)"
  printf '\nfaults\n'
  cat "$results"/*.storms | awk '
    /^ +[0-9]+  / { count = $1; $1 = ""; faults[substr($0, 2)] += count }
    END { for (name in faults) printf "%12d  %s\n", faults[name], name }' | sort -k1,1nr -k2
}

# What the failed tests had to say, without where in their code.
report() {
  local file
  for file in "${failed[@]}"; do
    echo
    echo "== ${file##*/}"
    grep -v '^stack backtrace\|^ *[0-9]*: \|^  *at ' "$file" || true
  done
}

main() {
  [[ ${1:-} =~ ^[0-9]+$ ]] || usage
  local minutes=$1 first=${2:-$(date +%s)000000}
  results=$(mktemp -d)
  trap 'rm -rf "$results"' EXIT
  build
  failed=() round=0 begun=$SECONDS
  # Seeds differ from soak to soak; the first one is said, so that a soak can be repeated.
  echo "== soak of $minutes minutes, first seed $first"
  can_kill || echo "== no kill -9 of the real program: run tests/run.sh --install-only"
  while ((SECONDS - begun < minutes * 60)); do
    local seed=$((first + round * seeds_per_round))
    round=$((round + 1))
    run storms SCIMWARD_STORM_FIRST="$seed" SCIMWARD_STORM_SEEDS="$seeds_per_round" \
      "$results/storms" after_every_storm --nocapture --quiet
    if can_kill; then
      run kills SCIMWARD_KILL_SEED="$seed" SCIMWARD_KILLS="$kills_per_round" \
        "$results/killer" killed --nocapture --quiet
    fi
    echo "round $round: $(((SECONDS - begun) / 60)) minutes, $(total storms cycles:) cycles," \
      "$(total kills kills:) kills, $(violations) violations"
  done
  report
  table
  ((${#failed[@]} == 0))
}

# Read as a whole before it begins: an editor may touch this file while it runs for hours.
main "$@"; exit
