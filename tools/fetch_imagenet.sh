#!/usr/bin/env bash
# Downloads an ImageNet MobileNet v1 in TensorFlow.js form. See --help.
set -euo pipefail

base=${MOBILENET_IMAGENET_URL:-https://storage.googleapis.com/tfjs-models/tfjs}
alpha=1.0
out=

usage() {
  cat <<EOF
usage: fetch_imagenet.sh [ALPHA] [-o DIR] [--base-url URL]

Downloads the official ImageNet MobileNet v1 of width ALPHA (0.25, 0.50, 0.75 or 1.0; default 1.0) at 224x224,
as TensorFlow.js publishes it: model.json and the weight files that it names, 2, 5, 10 or 17 MB. A download that
was cut short goes on where it stopped when the same command is run again. Sizes are checked against model.json.

  -o, --output DIR   folder to create (default: mobilenet_v1_ALPHA_224 in the current folder); it appears only
                     when it is complete, until then the files lie in DIR.part
  --base-url URL     where the folders mobilenet_v1_ALPHA_224 are (default: the environment variable
                     MOBILENET_IMAGENET_URL, or https://storage.googleapis.com/tfjs-models/tfjs)
  -h, --help         this text

Needs bash, curl and python3. Exit status: 0 complete, 1 failed, 2 wrong usage.
EOF
}

fail() { printf 'fetch_imagenet: %s\n' "$*" >&2; exit 1; }
wrong_usage() { printf 'fetch_imagenet: %s (see --help)\n' "$*" >&2; exit 2; }

given=0
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    -o | --output | --base-url)
      [ -n "${2:-}" ] || wrong_usage "$1 needs a value"
      if [ "$1" = --base-url ]; then base=$2; else out=$2; fi
      shift 2 ;;
    --output=?*) out=${1#*=}; shift ;;
    --base-url=?*) base=${1#*=}; shift ;;
    -*) wrong_usage "unknown option $1" ;;
    *)
      [ $given = 0 ] || wrong_usage "one ALPHA at a time, not also $1"
      given=1 alpha=$1
      shift ;;
  esac
done
case $alpha in
  0.25 | .25) alpha=0.25 ;;
  0.50 | 0.5 | .5) alpha=0.50 ;;
  0.75 | .75) alpha=0.75 ;;
  1.0 | 1.00 | 1) alpha=1.0 ;;
  *) wrong_usage "unknown alpha $alpha: there are 0.25, 0.50, 0.75 and 1.0" ;;
esac
for program in curl python3; do
  command -v $program > /dev/null ||
    fail "$program is needed and not installed (Debian: apt-get install curl ca-certificates python3)"
done

name=mobilenet_v1_${alpha}_224
url=${base%/}/$name
out=${out:-$name}
while [ "$out" != / ] && [ "${out%/}" != "$out" ]; do out=${out%/}; done
part=$out.part

# One line for each weight group: bytes, then its files.
manifest() {
  python3 - "$1" << 'EOF'
import json, math, re, sys

SIZES = {"float32": 4, "int32": 4, "complex64": 8, "bool": 1, "float16": 2, "uint16": 2, "uint8": 1}
try:
    with open(sys.argv[1], encoding="utf-8") as file:
        groups = json.load(file)["weightsManifest"]
    names = set()
    for group in groups:
        total = 0
        for weight in group["weights"]:
            stored = (weight.get("quantization") or weight)["dtype"]
            if stored not in SIZES:
                raise ValueError(f"weight {weight['name']} has dtype {stored}, whose size is not known")
            if not all(type(n) is int and n >= 0 for n in weight["shape"]):
                raise ValueError(f"weight {weight['name']} has shape {weight['shape']}")
            total += math.prod(weight["shape"]) * SIZES[stored]
        for path in group["paths"]:
            # It becomes a file name here: a manifest must not reach outside its folder.
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", path) or path == "model.json" or path in names:
                raise ValueError(f"weight file name {path!r} is not acceptable")
            names.add(path)
        if group["paths"] or total:
            print(total, *group["paths"])
    if not names:
        raise ValueError("it names no weight files")
except (KeyError, TypeError, AttributeError, ValueError) as error:
    what = f"{error} is missing" if isinstance(error, KeyError) else error
    sys.exit(f"fetch_imagenet: {sys.argv[1]} is not a TensorFlow.js model: {what}")
EOF
}

size_of() { if [ -f "$1" ]; then wc -c < "$1" | tr -d ' '; else echo 0; fi; }

# check FOLDER < manifest: prints what is wrong, nothing if all groups have their size.
check() {
  local bytes files file sum
  while read -r bytes files; do
    sum=0
    for file in $files; do
      [ -f "$1/$file" ] || { echo "$file is missing"; return; }
      sum=$((sum + $(size_of "$1/$file")))
    done
    [ $sum = "$bytes" ] || { echo "${files:-a group without files} has $sum bytes, model.json says $bytes"; return; }
  done
}

# download FILE: into $part/FILE, through FILE.download, which a later try or run continues.
download() {
  local file=$1 target=$part/$1 status code before tries=0 message
  while :; do
    before=$(size_of "$target.download")
    status=0
    code=$(curl --silent --show-error --fail --location --connect-timeout 20 --speed-limit 100 --speed-time 30 \
      --retry 2 --continue-at - --output "$target.download" --write-out '%{http_code}' "$url/$file" \
      2> "$part/curl.log") || status=$?
    message=$(tail -n 1 "$part/curl.log")
    rm -f "$part/curl.log"
    # curl takes 416 for "all is here already" (and exits 0), also when what is here is longer than the file.
    [ "$code" != 416 ] || status=33
    case $status in
      0) mv "$target.download" "$target"; return ;;
      33) rm -f "$target.download" ;; # cannot be continued
      18 | 28 | 52 | 55 | 56 | 92) # cut short
        if [ "$(size_of "$target.download")" -gt "$before" ]; then
          tries=0
          continue
        fi
        [ $status != 28 ] || fail "cannot reach $url/$file: $message" ;;
      22) fail "$url/$file: the server answers $code" ;;
      60 | 77) fail "$url/$file: $message (Debian: apt-get install ca-certificates)" ;;
      23) fail "cannot write $target.download: $message" ;;
      *) fail "cannot reach $url/$file: $message" ;;
    esac
    tries=$((tries + 1))
    [ $tries -lt 3 ] || fail "$url/$file: $message; run the same command again to go on from here"
  done
}

progress() { if [ -t 2 ]; then printf '\r\033[K%s' "$*" >&2; fi; }

if [ -e "$out" ] && ! rmdir "$out" 2> /dev/null; then
  [ -f "$out/model.json" ] || fail "$out exists and holds no model.json; choose another folder with -o"
  groups=$(manifest "$out/model.json") || exit 1
  wrong=$(check "$out" <<< "$groups")
  [ -z "$wrong" ] || fail "$out exists and is not complete: $wrong; remove it, or choose another folder with -o"
  echo "$out is there already, and complete"
  exit 0
fi

mkdir -p "$part" || fail "cannot create the folder $part"
trap 'progress; echo "fetch_imagenet: interrupted; run the same command again to go on from here" >&2; exit 130' INT
trap 'exit 143' TERM
trap 'rmdir "$part" 2> /dev/null || :' EXIT

printf '%s from %s\n' "$name" "$url" >&2
rm -f "$part/model.json.download" # small, and the one file whose size nothing states: never continued
[ -f "$part/model.json" ] || download model.json
groups=$(manifest "$part/model.json") || { rm -f "$part/model.json"; exit 1; }

total=$(awk '{ n += $1 } END { printf "%d", n }' <<< "$groups")
count=$(awk '{ n += NF - 1 } END { print n }' <<< "$groups")
done_bytes=0 done_files=0
while read -r bytes files; do
  for file in $files; do
    progress "$(awk -v a=$done_files -v b="$count" -v c=$done_bytes -v d="$total" -v f="$file" 'BEGIN {
      printf "file %d of %d, %.1f of %.1f MB: %s", a + 1, b, c / 1e6, d / 1e6, f }')"
    [ -f "$part/$file" ] || download "$file"
    done_files=$((done_files + 1)) done_bytes=$((done_bytes + $(size_of "$part/$file")))
  done
  wrong=$(check "$part" <<< "$bytes $files")
  if [ -n "$wrong" ]; then
    progress
    for file in $files; do rm -f "$part/$file"; done
    fail "$url: $wrong"
  fi
done <<< "$groups"
progress
mv "$part" "$out"
awk -v b="$count" -v d="$total" -v o="$out" 'BEGIN { printf "%s: model.json and %d weight files, %.1f MB\n", o, b, d / 1e6 }'
