#!/usr/bin/env bash
# Runs every test, after installing what they talk to:
#   from Debian   slapd, ldap-utils, openssl, systemd, systemd-nspawn (only what is missing)
#   from PyPI     scim2-server, into .cache/scim2-server
#                 clients that are not ours, to drive the sandbox, into .cache/scim-clients
#   from npm      scimmy with its routers on express, into .cache/scimmy
#
#   tests/run.sh [ARGUMENTS OF cargo test]      all tests when there are none
#   tests/run.sh --install-only
#
# Made for Debian 12 with a Rust toolchain, as root or with sudo. A second run finds everything in
# place and goes straight to the tests. No server is left running and none is started at boot.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
# Where Debian keeps slapd; not on the path of ordinary users.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
cache=$PWD/.cache

say() { printf '== %s\n' "$*"; }

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# The Debian packages whose commands are missing.
missing_packages() {
  command -v slapd >/dev/null || echo slapd
  command -v ldapmodify >/dev/null || echo ldap-utils
  command -v openssl >/dev/null || echo openssl
  command -v systemd-analyze >/dev/null || echo systemd
  command -v systemd-nspawn >/dev/null || echo systemd-container
  command -v cc >/dev/null || echo build-essential
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
}

install_packages() {
  local -a packages
  mapfile -t packages < <(missing_packages)
  if [[ ${#packages[@]} == 0 ]]; then
    say "Debian packages: all there"
    return
  fi
  say "Debian packages: installing ${packages[*]}"
  # Without this file the package would start a slapd of its own. 101 means "forbidden by policy".
  local policy=/usr/sbin/policy-rc.d ours=
  if [[ ! -e $policy ]]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  local result=0
  apt_install "${packages[@]}" || result=$?
  if [[ -n $ours ]]; then as_root rm -f "$policy"; fi
  return "$result"
}

apt_install() {
  as_root apt-get -qq update || return
  if [[ " $* " == *" slapd "* ]]; then
    # No database under /var/lib/ldap: every test makes its own.
    echo "slapd slapd/no_configuration boolean true" | as_root debconf-set-selections || return
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# install_cached NAME VERSIONS COMMAND...: runs COMMAND in an empty .cache/NAME unless that holds
# VERSIONS already. A half-made folder is thrown away.
install_cached() {
  local name=$1 versions=$2 dir=$cache/$1
  shift 2
  if [[ -e $dir/.versions && $(<"$dir/.versions") == "$versions" ]]; then
    say "$name: all there"
    return
  fi
  say "$name: installing $versions"
  rm -rf "$dir"
  mkdir -p "$dir"
  (cd "$dir" && "$@")
  printf '%s\n' "$versions" >"$dir/.versions"
}

install_from_pypi() {
  python3 -m venv .
  ./bin/pip --quiet --disable-pip-version-check install "$@"
}

install_from_npm() {
  echo '{ "private": true }' >package.json
  npm install --no-package-lock --no-fund --no-audit --loglevel=error "$@" >/dev/null
}

install_packages
pypi=(scim2-server==0.8.3 scim2-models==0.12.3)
install_cached scim2-server "${pypi[*]}" install_from_pypi "${pypi[@]}"
pypi=(huaweicloudsdkidentitycenterscim==3.1.219 huaweicloudsdkcore==3.1.219
  huaweicloudsdkidentitycenterstore==3.1.219 huaweicloudsdkidentitycenter==3.1.219 huaweicloudsdkiam==3.1.219
  alibabacloud_cloudsso20210515==1.7.0 alibabacloud_tea_openapi==0.4.6
  scim2-tester==0.5.2 scim2-client==0.13.2 scim2-models==0.12.3 httpx2==2.16.2)
install_cached scim-clients "${pypi[*]}" install_from_pypi "${pypi[@]}"
npm=(scimmy@1.3.5 scimmy-routers@1.3.2 express@5.3.0)
install_cached scimmy "${npm[*]}" install_from_npm "${npm[@]}"
if [[ ${1:-} == --install-only ]]; then exit 0; fi

# The unit files on a booted systemd: as root, where containers are allowed.
SCIMWARD_BOOT_TESTS=0
if tests/can-boot.sh; then SCIMWARD_BOOT_TESTS=1; fi
export SCIMWARD_BOOT_TESTS

say "cargo test --workspace --locked $*"
cargo test --workspace --locked "$@"
