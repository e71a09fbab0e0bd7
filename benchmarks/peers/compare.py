#!/usr/bin/python3
"""Runs every system in turn on the same network and writes a table and a picture. See README.md.

    compare.py --build build --peers build/peers --models build/peers/models --docs docs [--rounds 40]
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, field


@dataclass
class System:
    name: str
    command: list
    threads: int
    alpha: str
    start: dict = field(default_factory=dict)
    times: list = field(default_factory=list)
    process: subprocess.Popen = None
    environment: dict = field(default_factory=dict)

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
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        self.times += json.loads(self.answer())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

    @property
    def median(self):
        return statistics.median(self.times)


def systems(options, alpha, threads):
    model = os.path.join(options.models, alpha)
    runner = [os.path.join(options.build, "benchmarks", "peer_runner"), model + ".mnet"]
    native = [runner[0] + "_native", runner[1]]
    modules = {"NODE_PATH": os.path.join(options.peers, "node_modules")}
    made = [System(f"mobilenet-cpp {backend}", (native if backend == "eigen" else runner) + [backend, str(threads)],
                   threads, alpha) for backend in options.backends]
    made.append(System("XNNPACK (Debian, its own subgraph)", runner + ["xnnpack_subgraph", str(threads)], threads, alpha))
    made.append(System("ONNX Runtime", ["node", "onnxruntime.js", model + ".onnx", str(threads)], threads, alpha,
                       environment=modules))
    without_avx512 = os.path.join(options.peers, "hide_avx512.so")
    if threads == 1 and os.path.exists(without_avx512):
        made += [System("mobilenet-cpp simd, AVX2", runner + ["simd", "1"], 1, alpha,
                        environment={"MOBILENET_SIMD": "avx2"}),
                 System("mobilenet-cpp eigen, AVX2", [runner[0] + "_avx2", runner[1], "eigen", "1"], 1, alpha),
                 System("XNNPACK (Debian), AVX2", runner + ["xnnpack_subgraph", "1"], 1, alpha,
                        environment={"LD_PRELOAD": without_avx512})]
    if threads == 1:
        made.append(System("TensorFlow.js wasm", ["node", "tfjs_wasm.js", model + "/model.json"], 1, alpha,
                           environment=modules))
    made.append(System("multiply-add peak", runner + ["fma_peak", str(threads)], threads, alpha))
    return made


def measure(group, rounds):
    """One system computes at a time; the others wait at their standard input."""
    for system in group:
        system.launch()
    slow = {"TensorFlow.js wasm"}
    for i in range(rounds):
        for system in group:
            if system.name in slow and i % 5 != 0:
                continue
            # Many runs a turn: at the first ones after a pause the scheduler still has both threads on one core.
            system.run(1 if system.name in slow or "peak" in system.name else 20 if system.alpha == "1.0" else 200)
    for system in group:
        system.stop()


def table(results):
    lines = ["| system | alpha | threads | median ms | best ms | × ONNX Runtime | load ms | first ms | memory MB |",
             "|---|---|---|---|---|---|---|---|---|"]
    for group in results:
        onnx = next(s for s in group if s.name == "ONNX Runtime")
        for s in sorted(group, key=lambda s: s.median):
            peak = "peak" in s.name
            lines.append(f"| {s.name} | {s.alpha} | {s.threads} | {s.median:.2f} | {min(s.times):.2f} "
                         f"| {s.median / onnx.median:.2f} | " + ("– | – | – |" if peak else
                         f"{s.start['load_ms']:.1f} | {s.start['first_ms']:.1f} | {s.start['rss_mb']:.0f} |"))
    return "\n".join(lines)


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def picture(results):
    """Horizontal bars, one panel for each width and number of threads, with the peak as a dashed line."""
    bar, gap, left, width = 18, 6, 250, 380
    out, y = [], 30
    for group in results:
        shown = [s for s in group if "peak" not in s.name and s.name != "TensorFlow.js wasm"
                 and "reference" not in s.name]
        peak = next(s for s in group if "peak" in s.name)
        scale = width / max(s.median for s in shown)
        threads = f"{group[0].threads} thread" + ("s" if group[0].threads > 1 else "")
        out.append(f'<text x="10" y="{y}" class="head">alpha {group[0].alpha}, {threads}: milliseconds an image</text>')
        y += 12
        top = y
        for s in sorted(shown, key=lambda s: s.median):
            ours = s.name.startswith("mobilenet-cpp")
            out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(s.name)}</text>')
            out.append(f'<rect x="{left}" y="{y}" width="{s.median * scale:.1f}" height="{bar}" '
                       f'class="{"ours" if ours else "peer"}"/>')
            out.append(f'<text x="{left + s.median * scale + 6:.1f}" y="{y + 13}">{s.median:.2f}</text>')
            y += bar + gap
        x = left + peak.median * scale
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{y}" class="peak"/>')
        out.append(f'<text x="{x:.1f}" y="{y + 12}" text-anchor="middle" class="note">peak {peak.median:.2f}</text>')
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
    parser.add_argument("--alphas", nargs="+", default=["1.0", "0.25"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--backends", nargs="+", default=["simd", "eigen", "xnnpack"])
    options = parser.parse_args()

    results = []
    for alpha in options.alphas:
        for threads in options.threads:
            group = systems(options, alpha, threads)
            measure(group, options.rounds)
            results.append(group)
            for s in group:
                print(f"{alpha} {threads} {s.name:40} median {s.median:8.2f}  best {min(s.times):8.2f}", flush=True)
    text = (f"Processor: {processor()}. {options.rounds} rounds, the systems in turn within each; medians. "
            "TensorFlow.js runs once in every fifth.\n\n"
            + table(results) + "\n\n![milliseconds an image](peers.svg)")
    print(text)
    if options.docs:
        replace_section(os.path.join(options.docs, "benchmarks.md"), text)
        with open(os.path.join(options.docs, "peers.svg"), "w", encoding="utf-8") as file:
            file.write(picture(results))


if __name__ == "__main__":
    main()
