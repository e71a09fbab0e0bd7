#!/usr/bin/python3
"""Runs every system in turn on the same network and writes a table and a picture. See README.md.

    compare.py --build build --peers build/peers --models build/peers/models --docs docs [--rounds 40]
"""
import argparse
import glob
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

TOLERANCE = 1e-4  # between the probabilities of two systems


@dataclass
class System:
    name: str
    command: list
    threads: int
    network: str
    needs: list = field(default_factory=list)  # paths; the system is left out if one does not exist
    is_peer: bool = False  # one of those that the best peer is chosen from
    environment: dict = field(default_factory=dict)
    start: dict = field(default_factory=dict)
    times: list = field(default_factory=list)
    cpu_ms: float = 0.0
    process: subprocess.Popen = None

    def launch(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        cwd=os.path.dirname(os.path.abspath(__file__)),
                                        env=dict(os.environ, **self.environment))
        self.start = json.loads(self.answer())

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name}: ended with status {self.process.wait()}: {' '.join(self.command)}")
        return line

    def run(self, count):
        before = self.processor_time()
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        self.times += json.loads(self.answer())
        self.cpu_ms += self.processor_time() - before

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

    def processor_time(self):
        """Milliseconds that all threads of the process have computed."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            members = file.read().rsplit(")", 1)[1].split()
        return (int(members[11]) + int(members[12])) * 1e3 / os.sysconf("SC_CLK_TCK")

    @property
    def median(self):
        return statistics.median(self.times)

    @property
    def cores(self):
        """How many processors computed at a time, on average."""
        return self.cpu_ms / sum(self.times)

    @property
    def is_ours(self):
        return self.name.startswith("mobilenet-cpp")

    @property
    def is_peak(self):
        return self.name == PEAK


PEAK = "multiply-add peak"
SLOW = "TensorFlow.js wasm"


def systems(options, network, threads):
    """All systems that can compute the network on that many threads, installed or not."""
    model = os.path.join(options.models, network)
    packed = model + ".mnet"
    runner = os.path.join(options.build, "benchmarks", "peer_runner")
    modules = os.path.join(options.peers, "node_modules")
    python = os.path.join(options.peers, "venv", "bin", "python")
    packages = os.path.join(options.peers, "venv", "lib", "python3*", "site-packages")

    def from_runner(name, kind, suffix="", is_peer=False, environment=None):
        return System(name, [runner + suffix, packed, kind, str(threads)], threads, network, [packed], is_peer,
                      environment or {})

    def from_node(name, program, package, file, *arguments):
        return System(name, ["node", program, file, *arguments], threads, network,
                      [os.path.join(modules, package), file], True, {"NODE_PATH": modules})

    def from_python(name, program, package, file):
        return System(name, [python, program, file, str(threads)], threads, network,
                      [os.path.join(packages, package), file], True)

    made = [from_runner(f"mobilenet-cpp {backend}", backend, "_native" if backend == "eigen" else "")
            for backend in options.backends]
    made += [from_runner("XNNPACK (Debian, its own subgraph)", "xnnpack_subgraph", is_peer=True),
             from_node("ONNX Runtime", "onnxruntime.js", "onnxruntime-node", model + ".onnx", str(threads)),
             from_python("LiteRT", "litert.py", "ai_edge_litert", model + ".tflite"),
             from_python("OpenVINO", "openvino_cpu.py", "openvino", model + ".onnx")]
    without_avx512 = os.path.join(options.peers, "hide_avx512.so")
    if threads == 1 and os.path.exists(without_avx512):
        made += [from_runner("mobilenet-cpp simd, AVX2", "simd", environment={"MOBILENET_SIMD": "avx2"}),
                 from_runner("mobilenet-cpp eigen, AVX2", "eigen", "_avx2"),
                 from_runner("XNNPACK (Debian), AVX2", "xnnpack_subgraph", environment={"LD_PRELOAD": without_avx512})]
    if threads == 1:
        made.append(from_node(SLOW, "tfjs_wasm.js", "@tensorflow/tfjs-backend-wasm", model + "/model.json"))
    made.append(from_runner(PEAK, "fma_peak"))
    return made


def present(group, notes):
    """The systems whose files exist. `notes` receives a sentence for each of the others, once."""
    found = []
    for system in group:
        missing = next((path for path in system.needs if not glob.glob(path)), None)
        if missing is None:
            found.append(system)
        elif missing.endswith(".mnet"):
            note(notes, f"{system.network}: mobilenet-cpp does not convert it: {conversion_message(missing)}")
        else:
            note(notes, f"{system.name} is left out: {os.path.basename(missing)} is not installed")
    return found


def note(notes, text):
    if text not in notes:
        notes.append(text)
        print(text, flush=True)


def conversion_message(packed):
    """What run.sh kept of the conversion that failed."""
    log = packed + ".log"
    if not os.path.exists(log):
        return "run.sh has not tried"
    with open(log, encoding="utf-8") as file:
        message = file.read().strip().removeprefix("mobilenet: ")
    return message.replace("\n", "; ").replace(os.path.dirname(packed) + "/", "")


def check_answers(group):
    """Exits if two systems disagree about the probabilities of one image."""
    answered = [s for s in group if s.start.get("output")]
    if len(answered) < 2:
        return
    columns = list(zip(*(s.start["output"] for s in answered)))
    if len({len(s.start["output"]) for s in answered}) > 1:
        sys.exit("the systems have different numbers of classes")
    reference = [statistics.median(column) for column in columns]
    for s in answered:
        worst = max(abs(a - b) for a, b in zip(s.start["output"], reference))
        print(f"{s.network} {s.threads} {s.name:40} differs from the median answer by at most {worst:.1e}", flush=True)
        if not worst <= TOLERANCE:
            sys.exit(f"{s.name}: differs by more than {TOLERANCE}")
    print(f"{group[0].network} {group[0].threads} highest probability {max(reference):.3f}", flush=True)


def measure(group, rounds):
    """One system computes at a time; the others wait at their standard input."""
    for system in group:
        system.launch()
    check_answers(group)
    for i in range(rounds):
        for system in group:
            if system.name == SLOW and i % 5 != 0:
                continue
            # Many runs a turn: at the first ones after a pause the scheduler still has both threads on one core.
            single = system.name == SLOW or system.is_peak
            system.run(1 if single else 20 if system.network.endswith("-1.0") else 200)
    for system in group:
        system.stop()


def table(results):
    lines = ["| system | network | threads | median ms | best ms | × best peer | × ONNX Runtime | load ms | first ms "
             "| memory MB |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for group in results:
        onnx = next((s.median for s in group if s.name == "ONNX Runtime"), None)
        best = min((s.median for s in group if s.is_peer), default=None)

        def ratio(s, other):
            return f"{s.median / other:.2f}" if other else "–"

        for s in sorted(group, key=lambda s: s.median):
            lines.append(f"| {s.name} | {s.network} | {s.threads} | {s.median:.2f} | {min(s.times):.2f} "
                         f"| {ratio(s, best)} | {ratio(s, onnx)} | " + ("– | – | – |" if s.is_peak else
                         f"{s.start['load_ms']:.1f} | {s.start['first_ms']:.1f} | {s.start['rss_mb']:.0f} |"))
    return "\n".join(lines)


def versions(results):
    found = {s.name: s.start["version"] for group in results for s in group if s.start.get("version")}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def picture(results):
    """Horizontal bars, one panel for each network and number of threads, with the peak as a dashed line."""
    bar, gap, left, width = 18, 6, 265, 380
    out, y = [], 30
    for group in results:
        shown = [s for s in group if not s.is_peak and s.name != SLOW and "reference" not in s.name]
        peak = next((s for s in group if s.is_peak), None)
        scale = width / max(s.median for s in shown)
        threads = f"{group[0].threads} thread" + ("s" if group[0].threads > 1 else "")
        out.append(f'<text x="10" y="{y}" class="head">MobileNet {group[0].network}, {threads}: '
                   'milliseconds an image</text>')
        y += 12
        top = y
        for s in sorted(shown, key=lambda s: s.median):
            out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(s.name)}</text>')
            out.append(f'<rect x="{left}" y="{y}" width="{s.median * scale:.1f}" height="{bar}" '
                       f'class="{"ours" if s.is_ours else "peer"}"/>')
            out.append(f'<text x="{left + s.median * scale + 6:.1f}" y="{y + 13}">{s.median:.2f}</text>')
            y += bar + gap
        if peak:
            x = left + peak.median * scale
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{y}" class="peak"/>')
            out.append(f'<text x="{x:.1f}" y="{y + 12}" text-anchor="middle" class="note">'
                       f'peak {peak.median:.2f}</text>')
        y += 46
    style = ("text{font:13px sans-serif;fill:#222}.head{font-weight:bold}.note{font-size:11px;fill:#a00}"
             ".ours{fill:#1f77b4}.peer{fill:#bbb}.peak{stroke:#a00;stroke-dasharray:4 3}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{y}">'
            f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>' + "".join(out) + "</svg>\n")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        lines = file.read().splitlines()
    name = next((l.split(":")[1].strip() for l in lines if l.startswith("model name")), platform.machine())
    flags = next((l for l in lines if l.startswith("flags")), "")
    wide = "AVX-512" if "avx512f" in flags else "AVX2 + FMA" if " fma " in flags else "SSE"
    return f"{name}, {wide}, {os.cpu_count()} cores"


def replace_section(path, text):
    """Puts text between the markers that docs/benchmarks.md has for it."""
    begin, end = "<!-- peers: begin -->", "<!-- peers: end -->"
    with open(path, encoding="utf-8") as file:
        page = file.read()
    if begin not in page or end not in page:
        sys.exit(f"{path}: no lines {begin} and {end}")
    page = page[:page.index(begin) + len(begin)] + "\n" + text + "\n" + page[page.index(end):]
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=os.path.abspath)
    parser.add_argument("--peers", required=True, type=os.path.abspath)
    parser.add_argument("--models", required=True, type=os.path.abspath)
    parser.add_argument("--docs", type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--networks", nargs="+", default=["v1-1.0", "v1-0.25", "v2-1.0", "v2-0.35"],
                        help="MobileNet's version and alpha")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--backends", nargs="+", default=["simd", "eigen", "xnnpack"])
    options = parser.parse_args()

    results, notes = [], []
    for network in options.networks:
        for threads in options.threads:
            group = present(systems(options, network, threads), notes)
            if not group:
                continue
            measure(group, options.rounds)
            results.append(group)
            for s in group:
                print(f"{network} {threads} {s.name:40} median {s.median:8.2f}  best {min(s.times):8.2f}"
                      + ("" if s.is_peak else f"  processors {s.cores:.2f}"), flush=True)
    text = (f"Processor: {processor()}. {options.rounds} rounds, the systems in turn within each; medians. "
            f"{SLOW} runs once in every fifth. {versions(results)}.\n\n"
            + "".join(f"{n}.\n\n" for n in notes) + table(results) + "\n\n![milliseconds an image](peers.svg)")
    print(text)
    if options.docs:
        replace_section(os.path.join(options.docs, "benchmarks.md"), text)
        with open(os.path.join(options.docs, "peers.svg"), "w", encoding="utf-8") as file:
            file.write(picture(results))


if __name__ == "__main__":
    main()
