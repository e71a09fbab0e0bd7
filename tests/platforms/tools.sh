#!/usr/bin/env bash
# Installs what the tests against real platforms need, as far as it can be had: tests/platforms/tools.sh [FOLDER]
# Programs from Go modules are put into FOLDER (default: build/platform-tools). What cannot be had is named, and the tests
# that need it skip by that name.
set -uo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-build/platform-tools}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

packages=(chromium prometheus iproute2 procps)
command -v npm > /dev/null || packages+=(npm)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -q > "$folder/apt.log" 2>&1 || true
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >> "$folder/apt.log" 2>&1 ||
    echo "tools.sh: apt-get could not install ${missing[*]}"
fi

# FOLDER PACKAGE: what the folder's package.json names, unless one of it is there
npm_packages() {
  [ -d "$1/node_modules/$2" ] ||
    (cd "$1" && npm install --no-audit --no-fund --ignore-scripts > "$folder/npm-${1##*/}.log" 2>&1) ||
    echo "tools.sh: npm could not install what $1/package.json names"
}
npm_packages tests/serverless cloudevents
npm_packages tests/javascript typescript

# NAME MODULE PACKAGE: installed as NAME
go_program() {
  [ ! -x "$folder/$1" ] || return 0
  command -v go > /dev/null || { echo "tools.sh: $1: no go (Debian: golang-go)"; return 0; }
  local bin
  bin=$(mktemp -d)
  if GOBIN=$bin GOFLAGS=-mod=mod go install "$2/$3@latest" > "$folder/$1.log" 2>&1; then
    mv "$bin"/* "$folder/$1"
  else
    echo "tools.sh: $1: $(tail -n 1 "$folder/$1.log" | cut -c 1-200)"
  fi
  rm -rf "$bin"
}
go_program aws-lambda-rie github.com/aws/aws-lambda-runtime-interface-emulator cmd/aws-lambda-rie
go_program openwhisk-proxy github.com/apache/openwhisk-runtime-go main
exit 0
