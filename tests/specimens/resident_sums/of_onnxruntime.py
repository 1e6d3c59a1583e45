"""onnxruntime: a model of three large layers, run a few times."""

import sums

sums.begin()

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE, LAYERS = 1800, 3
randomly = np.random.default_rng(1)
names = [f"x{number}" for number in range(LAYERS + 1)]
weights = [numpy_helper.from_array(randomly.random((SIZE, SIZE), np.float32), f"w{number}") for number in range(LAYERS)]
nodes = [helper.make_node("MatMul", [names[at], f"w{at}"], [names[at + 1]]) for at in range(LAYERS)]
first, last = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", SIZE]) for name in (names[0], names[-1]))
graph = helper.make_graph(nodes, "layers", [first], [last], initializer=weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
answers = [session.run(None, {names[0]: randomly.random((64, SIZE), np.float32)}) for _ in range(5)]
sums.end()
