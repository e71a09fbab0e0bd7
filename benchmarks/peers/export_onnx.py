#!/usr/bin/env python3
"""A MobileNet in TensorFlow.js layers form to ONNX, batch norm folded, the way its own exporters write it.

    export_onnx.py folder/model.json model.onnx
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from network import read_network


def main(source, target):
    network = read_network(source)
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], output, **attributes))

    for operation in network.operations:
        name, inputs = operation.name, operation.inputs
        if operation.kind in ("convolution", "depthwise"):
            depthwise = operation.kind == "depthwise"
            kernel = operation.kernel[..., None, :] if depthwise else operation.kernel
            kernel = kernel.transpose(3, 2, 0, 1)  # HWIO to OIHW; one input channel per group if depthwise
            node("Conv", [*inputs, constant(f"{name}/kernel", kernel), constant(f"{name}/bias", operation.bias)], name,
                 kernel_shape=list(kernel.shape[2:]), strides=[operation.stride] * 2, pads=list(operation.pads),
                 group=kernel.shape[0] if depthwise else 1)
        elif operation.kind == "relu6":
            node("Clip", [*inputs, constant(f"{name}/low", 0), constant(f"{name}/high", 6)], name)
        elif operation.kind == "add":
            node("Add", inputs, name)
        elif operation.kind == "pool":
            node("GlobalAveragePool", inputs, name)
        elif operation.kind == "dense":
            node("Flatten", inputs, f"{name}/flat", axis=1)
            node("Gemm", [f"{name}/flat", constant(f"{name}/kernel", operation.kernel),
                          constant(f"{name}/bias", operation.bias)], name)
        else:
            node("Flatten", inputs, f"{name}/flat", axis=1)
            node("Softmax", [f"{name}/flat"], name, axis=1)

    shape = [1, 3, network.size, network.size]
    graph = helper.make_graph(
        nodes, "mobilenet", [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [1, network.classes])], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 7
    onnx.checker.check_model(made)
    onnx.save(made, target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
