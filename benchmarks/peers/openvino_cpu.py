#!/usr/bin/env python3
"""OpenVINO's CPU plugin:  openvino_cpu.py model.onnx THREADS"""
import sys

import numpy as np
import openvino

from protocol import self_test_input, serve


def load():
    core = openvino.Core()
    model = core.compile_model(sys.argv[1], "CPU", {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": int(sys.argv[2]),
        "INFERENCE_PRECISION_HINT": "f32",  # not bfloat16, which the plugin prefers where the processor has it
        "ENABLE_HYPER_THREADING": False,
        "ENABLE_CPU_PINNING": False,  # a pinned thread waits behind another process on its processor
    })
    _, _, height, width = model.inputs[0].shape
    request = model.create_infer_request()
    image = np.ascontiguousarray(self_test_input(height, width).transpose(2, 0, 1)[None])
    request.set_input_tensor(openvino.Tensor(image))
    output = request.get_output_tensor().data

    def run():
        request.infer()
        return output

    return run


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    serve(load, openvino.__version__.split("-")[0])
