#!/usr/bin/env bash
# Runs tools/fetch_imagenet.sh against a server on 127.0.0.1 that serves a tiny model, well and badly.
# Needs curl and python3; exits 77 (skipped) where one is missing.
set -euo pipefail

fetch=$(cd "$(dirname "$0")/.." && pwd)/tools/fetch_imagenet.sh
for program in curl python3; do
  command -v $program > /dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
unset http_proxy HTTP_PROXY https_proxy all_proxy ALL_PROXY MOBILENET_IMAGENET_URL

work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2> /dev/null || :
  rm -rf "$work"
}
trap cleanup EXIT

failures=0
ok() { echo "ok      $1"; }
bad() { echo "FAILED  $1"; failures=$((failures + 1)); }
expect() { local what=$1; shift; if "$@"; then ok "$what"; else bad "$what"; fi; }
has() { grep -qF -- "$2" "$1" || { sed 's/^/        | /' "$1"; return 1; }; }
absent() { [ ! -e "$1" ]; }
no_downloads() { [ -z "$(find "$work/out" -name '*.download' -print)" ]; }

# run STATUS ARGUMENTS...: the script's output goes to $work/log
run() {
  local want=$1 got=0
  shift
  bash "$fetch" --base-url "$base" "$@" > "$work/log" 2>&1 || got=$?
  [ $got = "$want" ] || { echo "        exit status $got, not $want"; sed 's/^/        | /' "$work/log"; return 1; }
}
same() { (cd "$work/www/$1" && find . -type f ! -name '*.log' -exec cmp -s {} "$work/out/$2/{}" \; -print | wc -l) | grep -qx "$3 *"; }

# ---- a model of two groups: 96 KiB in two shards, and one quantised shard of 40 KiB; and spoilt copies of it
mkdir -p "$work/www" "$work/out"
python3 - "$work/www" << 'EOF'
import json, os, random, sys

groups = [
    {"paths": ["group1-shard1of2", "group1-shard2of2"],
     "weights": [{"name": "conv1/kernel", "shape": [3, 4, 2, 1000], "dtype": "float32"},
                 {"name": "scalar", "shape": [], "dtype": "float32"},
                 {"name": "conv1/bias", "shape": [575], "dtype": "int32"}]},
    {"paths": ["group2-shard1of1.bin"],
     "weights": [{"name": "a", "shape": [20480], "dtype": "float32",
                  "quantization": {"dtype": "uint8", "scale": 0.1, "min": -1.0}},
                 {"name": "b", "shape": [10240], "dtype": "float32", "quantization": {"dtype": "float16"}}]},
    {"paths": [], "weights": []},
]
data = {"group1-shard1of2": 65536, "group2-shard1of1.bin": 40960}
data["group1-shard2of2"] = 4 * (24000 + 1 + 575) - 65536
random.seed(1)

def model(name, groups=groups, sizes={}, without=(), text=None):
    folder = os.path.join(sys.argv[1], name)
    os.makedirs(folder)
    with open(os.path.join(folder, "model.json"), "w") as file:
        file.write(text or json.dumps({"modelTopology": {}, "weightsManifest": groups}))
    for shard, size in data.items():
        if shard not in without:
            with open(os.path.join(folder, shard), "wb") as file:
                file.write(random.randbytes(sizes.get(shard, size)))

model("good/mobilenet_v1_0.25_224")
model("good/mobilenet_v1_1.0_224")
model("cut/mobilenet_v1_0.25_224")
model("stall/mobilenet_v1_0.25_224")
model("short/mobilenet_v1_0.25_224", sizes={"group2-shard1of1.bin": 40959})
model("long/mobilenet_v1_0.25_224", sizes={"group1-shard2of2": 99999})
model("missing/mobilenet_v1_0.25_224", without=["group1-shard2of2"])
model("outside/mobilenet_v1_0.25_224", groups=[{"paths": ["../evil"], "weights": []}])
model("dtype/mobilenet_v1_0.25_224", groups=[{"paths": ["a"], "weights": [{"name": "w", "shape": [1], "dtype": "float64"}]}])
model("page/mobilenet_v1_0.25_224", text="<html>Sign in to the network</html>")
EOF

# ---- the server: understands Range; under /cut it closes the connection once in the middle of group1-shard1of2,
# under /stall it sends the first half of that file and then nothing until the file "go" exists; under /norange it
# serves /good without Range.
cat > "$work/server.py" << 'EOF'
import http.server, os, re, sys, time

root = sys.argv[1]
cut_already = set()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        range_header = self.headers.get("Range")
        with open(os.path.join(root, "requests.log"), "a") as log:
            log.write(f"{self.path} {range_header or '-'}\n")
        ranges = not self.path.startswith("/norange/")
        try:
            with open(os.path.join(root, "www") + self.path.replace("/norange/", "/good/"), "rb") as file:
                body = file.read()
        except OSError:
            return self.send_error(404)
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", range_header or "")
        if match and ranges:
            start = int(match[1])
            if start >= len(body):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        first = body[start:]
        half = self.path.endswith("/group1-shard1of2") and not start
        if half and self.path.startswith("/cut/") and self.path not in cut_already:
            cut_already.add(self.path)
            self.wfile.write(first[:30000])
            return
        if half and self.path.startswith("/stall/") and not os.path.exists(os.path.join(root, "go")):
            self.wfile.write(first[:30000])
            self.wfile.flush()
            while not os.path.exists(os.path.join(root, "go")):
                time.sleep(0.05)
            return
        self.wfile.write(first)

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(os.path.join(root, "port.part"), "w") as file:
    file.write(str(server.server_address[1]))
os.rename(os.path.join(root, "port.part"), os.path.join(root, "port"))
server.serve_forever()
EOF
python3 "$work/server.py" "$work" &
server=$!
for _ in $(seq 100); do [ -e "$work/port" ] || sleep 0.1; done
[ -e "$work/port" ] || { echo "the test's server did not start"; exit 1; }
host=http://127.0.0.1:$(cat "$work/port")
m=mobilenet_v1_0.25_224
cd "$work/out"

echo "== a complete download"
base=$host/good
expect "downloads alpha 0.25 into ./$m" run 0 0.25
expect "all 4 files equal the server's" same "good/$m" "$m" 4
expect "leaves no .part folder" absent "$m.part"
: > "$work/requests.log"
expect "a second run succeeds" run 0 .25
expect "... says that it is complete" has "$work/log" "complete"
expect "... and asks the server for nothing" test ! -s "$work/requests.log"
expect "the default alpha is 1.0, -o names the folder" run 0 -o "named here/"
expect "... and it is complete" same good/mobilenet_v1_1.0_224 "named here" 4
expect "the environment variable names the server too" \
  env MOBILENET_IMAGENET_URL="$base" bash "$fetch" 0.25 -o by_environment > /dev/null 2>&1
head -c 100 "$m/group2-shard1of1.bin" > cropped && mv cropped "$m/group2-shard1of1.bin"
expect "a spoilt folder that exists is refused" run 1 0.25
expect "... with the file and both sizes" has "$work/log" "group2-shard1of1.bin has 100 bytes, model.json says 40960"
rm -rf "$m"
mkdir other && touch other/file
expect "a folder of something else is refused" run 1 0.25 -o other
expect "... and left alone" test "$(ls -A other)" = file

echo "== the server closes the connection in the middle of a file"
base=$host/cut
: > "$work/requests.log"
expect "the download succeeds" run 0 0.25
expect "... all files equal" same "cut/$m" "$m" 4
expect "... and the rest alone was asked for" has "$work/requests.log" "/cut/$m/group1-shard1of2 bytes=30000-"
rm -rf "$m"

echo "== the script is killed in the middle of a file, and run again"
base=$host/stall
set -m # a process group of its own, so that its curl dies with it
bash "$fetch" --base-url "$base" 0.25 > "$work/log" 2>&1 &
script=$!
set +m
unfinished=$m.part/group1-shard1of2.download
for _ in $(seq 200); do
  [ -s "$unfinished" ] && break
  sleep 0.05
done
kill -9 -- "-$script"
wait "$script" 2> /dev/null || :
kept=$(wc -c < "$unfinished")
expect "nothing bears the final name" absent "$m"
expect "the unfinished file is kept, under another name" test "$kept" -gt 0
expect "... and not as if it were finished" absent "$m.part/group1-shard1of2"
touch "$work/go"
: > "$work/requests.log"
expect "the second run succeeds" run 0 0.25
expect "... all files equal" same "stall/$m" "$m" 4
expect "... and asked for the rest alone" has "$work/requests.log" "/stall/$m/group1-shard1of2 bytes=$kept-"
expect "... once" test "$(grep -c group1-shard1of2 "$work/requests.log")" = 1
expect "... and not for model.json again" test "$(grep -c model.json "$work/requests.log")" = 0
expect "no .part folder is left" absent "$m.part"
rm -rf "$m"

echo "== leftovers that cannot be continued"
base=$host/good
mkdir "$m.part" && head -c 70000 /dev/zero > "$m.part/group1-shard1of2.download"
expect "one longer than the file is fetched anew" run 0 0.25
expect "... all files equal" same "good/$m" "$m" 4
rm -rf "$m"
base=$host/norange
mkdir "$m.part" && head -c 7000 /dev/zero > "$m.part/group1-shard1of2.download"
expect "one from a server without Range is fetched anew" run 0 0.25
expect "... all files equal" same "good/$m" "$m" 4
rm -rf "$m"

echo "== errors"
# refused NAME MESSAGE
refused() {
  base=$host/$1
  expect "/$1 fails" run 1 0.25
  expect "... with: $2" has "$work/log" "$2"
  expect "... no $m" absent "$m"
  expect "... no unfinished file" no_downloads
}
refused short "group2-shard1of1.bin has 40959 bytes, model.json says 40960"
expect "... the wrong file is not kept" absent "$m.part/group2-shard1of1.bin"
expect "... the right ones are" test -s "$m.part/group1-shard1of2"
rm -rf "$m.part"
refused long "group1-shard1of2 group1-shard2of2 has 165535 bytes, model.json says 98304"
rm -rf "$m.part"
refused missing "/missing/$m/group1-shard2of2: the server answers 404"
rm -rf "$m.part"
refused nothing "/nothing/$m/model.json: the server answers 404"
expect "... no .part folder" absent "$m.part"
refused outside "'../evil' is not acceptable"
expect "... no .part folder" absent "$m.part"
refused dtype "weight w has dtype float64, whose size is not known"
refused page "model.json is not a TensorFlow.js model"
kill "$server"
wait "$server" 2> /dev/null || :
server=
refused good "cannot reach $host/good/$m/model.json"
expect "... no .part folder" absent "$m.part"

echo "== usage"
: > "$work/requests.log"
expect "an unknown alpha has exit status 2" run 2 0.3
expect "... and is named with those there are" has "$work/log" "unknown alpha 0.3: there are 0.25, 0.50, 0.75 and 1.0"
expect "an unknown option has exit status 2" run 2 --fast
expect "an option without its value has exit status 2" run 2 -o
expect "--help has exit status 0" run 0 --help
expect "... and explains" has "$work/log" "usage: fetch_imagenet.sh [ALPHA]"
mkdir "$work/bin"
for program in bash cat rm mkdir dirname; do ln -s "$(command -v $program)" "$work/bin/"; done
without() { ! PATH=$work/bin bash "$fetch" 0.25 > "$work/log" 2>&1 && has "$work/log" "curl is needed and not installed"; }
expect "a missing curl is named" without
expect "nothing is left behind" test -z "$(find . -name '*.part' -o -name '*.download' -o -name "$m")"

if [ $failures -gt 0 ]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
