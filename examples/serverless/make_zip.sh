#!/bin/sh
# make_zip.sh ZIP PROGRAM ENTRY [FILE...]: puts a program under the name ENTRY, and files under their own names, at the
# root of a zip. The same files give the same bytes: fixed order, times and modes, no owners.
set -eu
[ $# -ge 3 ] || { echo "usage: make_zip.sh ZIP PROGRAM ENTRY [FILE...]" >&2; exit 2; }
zip=$1 program=$2 entry=$3
shift 3

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$program" "$folder/$entry"
chmod 755 "$folder/$entry"
names=$entry
for file in "$@"; do
  cp "$file" "$folder/"
  chmod 644 "$folder/${file##*/}"
  names="$names ${file##*/}"
done
export TZ=UTC
touch -t 198001010000.00 "$folder"/*
rm -f "$folder.zip"
# shellcheck disable=SC2086  # the names have no blanks
(cd "$folder" && zip -q -X -9 "$folder.zip" $names)
mv "$folder.zip" "$zip"
