#!/usr/bin/env python3
"""LiteRT (TensorFlow Lite) with its XNNPACK delegate:  litert.py model.tflite THREADS"""
import importlib.metadata
import sys

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from protocol import self_test_input, serve


def load():
    # The resolver that applies the XNNPACK delegate.
    interpreter = Interpreter(sys.argv[1], num_threads=int(sys.argv[2]),
                              experimental_op_resolver_type=OpResolverType.BUILTIN)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = inputs["shape"]
    interpreter.set_tensor(inputs["index"], self_test_input(height, width)[None])
    output = interpreter.tensor(outputs["index"])

    def run():
        interpreter.invoke()
        return output().copy()

    return run


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    serve(load, importlib.metadata.version("ai-edge-litert"))
