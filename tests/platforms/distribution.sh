#!/usr/bin/env bash
# Builds and tests the project in a fresh root of another distribution, as a person would after cloning it.
#
#   tests/platforms/distribution.sh SUITE [ROOT]      SUITE: trixie (Debian 13), bookworm (Debian 12), noble (Ubuntu 24.04)
#
# Makes ROOT with debootstrap (default: a temporary folder, removed at the end; a given one is kept and used again),
# copies the checkout into it, and runs quickstart.sh and quickstart.sh test there by chroot, warnings as errors.
# MOBILENET_DISTRIBUTION_ACTIONS names what to run instead of "classify test".
# Needs root, debootstrap and a package mirror. Exit status 77 where one of them is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { printf 'skipped: %s\n' "$*"; exit 77; }
[ $# -ge 1 ] || { sed -n '2,9p' "$0" >&2; exit 2; }
suite=$1
case $suite in
  trixie | bookworm) components=main ;;
  noble) components=main,universe ;;
  *) printf 'distribution.sh: found "%s", expected trixie, bookworm or noble\n' "$suite" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || skip "debootstrap and chroot need root"
command -v debootstrap > /dev/null || skip "no debootstrap (Debian: debootstrap)"

root=${2:-}
if [ -z "$root" ]; then
  root=$(mktemp -d /var/tmp/mobilenet-"$suite".XXXXXX)
  remove=yes
fi
clean_up() {
  local folder
  for folder in dev/pts proc; do
    ! mountpoint -q "$root/$folder" || umount "$root/$folder"
  done
  [ -z "${remove:-}" ] || rm -rf "$root"
}
trap clean_up EXIT

if [ ! -e "$root/etc/os-release" ]; then
  arguments=(--variant=minbase --components=$components "$suite" "$root")
  scripts=/usr/share/debootstrap/scripts
  if [ ! -e "$scripts/$suite" ]; then  # an older debootstrap lacks the newer suite's name, not its rules
    [ "$suite" = noble ] && similar=$scripts/gutsy || similar=$scripts/sid
    arguments+=("$(sed -n '/archive/s/^[[:space:]]*default_mirror *\(http[^ ]*\).*/\1/p' "$similar" | head -n 1)" "$similar")
  fi
  # Without the distribution's keys the packages cannot be verified; what is built from them is only tested.
  [ "$suite" != noble ] || [ -e /usr/share/keyrings/ubuntu-archive-keyring.gpg ] || arguments=(--no-check-gpg "${arguments[@]}")
  debootstrap "${arguments[@]}" > "$root.log" 2>&1 || {
    tail -n 3 "$root.log"
    rm -f "$root.log"
    skip "debootstrap found no mirror of $suite"
  }
  rm -f "$root.log"
fi
# Names are resolved, and proxies and certificates for packages are used, as outside.
cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2> /dev/null || true
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/dev/pts" || mount --bind /dev/pts "$root/dev/pts"

mkdir -p "$root/src"
git ls-files -z --cached --others --exclude-standard | xargs -0 -I{} sh -c '[ ! -e "$1" ] || printf "%s\0" "$1"' sh {} |
  tar --create --null --files-from - | tar --extract --directory "$root/src"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root MOBILENET_WERROR=ON \
  CI="${CI:-}" sh -c "cd /src && $1"; }

status=0
for action in ${MOBILENET_DISTRIBUTION_ACTIONS:-classify test}; do
  [ "$action" != classify ] || action=
  inside "./quickstart.sh $action" > "$root/quickstart.log" 2>&1 || status=$?
  # Below, warnings of any code; those of ours are errors already.
  grep -E 'warning:' "$root/quickstart.log" | sort -u | head -n 20 || true
  tail -n 6 "$root/quickstart.log"
  [ $status = 0 ] || { tail -n 60 "$root/quickstart.log"; exit $status; }
done
