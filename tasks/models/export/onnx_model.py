"""Writes a trained network, operator by operator, as an ONNX model that takes tokens.

Input "tokens": int32, shape (reviews, timesteps), both dynamic. Output "probability": float32, shape (reviews,). The
operators are Gather, RNN, LSTM, GRU, Gemm and Sigmoid, with Transpose and Reshape between them. ONNX's recurrent
operators expect time first, and order their gates differently from Keras.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import PipelineError

OPSET, IR_VERSION = 17, 9  # Opset 17 is from ONNX 1.12 (2022), IR 9 from 1.14; onnxruntime 1.20 runs both.
OPERATORS = {"SimpleRNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
# Position of each ONNX gate in Keras's order; LSTM: i, o, f, c in ONNX but i, f, c, o in Keras; GRU: z, r, h in both.
GATES = {"RNN": [0], "LSTM": [0, 3, 1, 2], "GRU": [0, 1, 2]}
Array = NDArray[np.float32]


def write_onnx(model: Any, path: Path) -> None:
    """Write a Keras model from `tasks.models.keras_learner.build` as ONNX.

    Raises:
        PipelineError: the package `onnx` is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise PipelineError(
            "--format onnx: the package onnx is missing; install it with `uv sync --extra export`"
        ) from None
    graph = _Graph()
    embedding, *recurrent, dense = model.layers
    graph.add("Gather", [graph.constant("embedding", embedding.get_weights()[0]), "tokens"], "embedded")
    graph.add("Transpose", ["embedded"], "time_first", perm=[1, 0, 2])  # (timesteps, reviews, embedding)
    features = "time_first"
    for number, layer in enumerate(recurrent):
        is_last = number == len(recurrent) - 1
        features = graph.recurrent(f"layer{number}", layer, features, only_last=is_last)
    kernel, bias = (graph.constant(f"dense_{name}", w) for name, w in zip("kb", dense.get_weights(), strict=True))
    graph.add("Gemm", [features, kernel, bias], "logit")
    graph.add("Sigmoid", ["logit"], "column")
    graph.add("Reshape", ["column", graph.constant("flat", np.array([-1], np.int64))], "probability")
    onnx.save_model(graph.model(model.name), str(path))


class _Graph:
    """The nodes and constants of an ONNX graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], *outputs: str, **attributes: Any) -> None:
        """Add an operator."""
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, list(outputs), name=outputs[-1], **attributes))

    def recurrent(self, name: str, layer: Any, features: str, only_last: bool) -> str:
        """Add a recurrent layer and return the name of its output.

        With `only_last`, the output has shape (reviews, units), otherwise (timesteps, reviews, units); the units of
        both directions are concatenated.
        """
        directions = _directions(layer)
        operator = OPERATORS[type(directions[0]).__name__]
        weights = [_onnx_weights(direction, operator) for direction in directions]
        parts = [np.stack(arrays) for arrays in zip(*weights, strict=True)]
        inputs = [features, *(self.constant(f"{name}_{part}", w) for part, w in zip("WRB", parts, strict=True))]
        attributes: dict[str, Any] = {"hidden_size": directions[0].units}
        if len(directions) == 2:
            attributes["direction"] = "bidirectional"
        if operator == "GRU":
            attributes["linear_before_reset"] = 1  # Keras's reset_after.
        self.add(operator, inputs, f"{name}_all", f"{name}_final", **attributes)
        source, permutation, shape = f"{name}_all", [0, 2, 1, 3], [0, 0, -1]
        if only_last:
            source, permutation, shape = f"{name}_final", [1, 0, 2], [0, -1]
        self.add("Transpose", [source], f"{name}_reviews", perm=permutation)
        self.add("Reshape", [f"{name}_reviews", self.constant(f"{name}_shape", np.array(shape))], f"{name}_output")
        return f"{name}_output"

    def model(self, name: str) -> Any:
        """Return the graph as a checked model."""
        from onnx import TensorProto, checker, helper

        tokens = helper.make_tensor_value_info("tokens", TensorProto.INT32, ["reviews", "timesteps"])
        probability = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["reviews"])
        graph = helper.make_graph(self._nodes, name, [tokens], [probability], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        return model


def _directions(layer: Any) -> list[Any]:
    """The layer of each direction."""
    both = hasattr(layer, "forward_layer")
    return [layer.forward_layer, layer.backward_layer] if both else [layer]


def _onnx_weights(layer: Any, operator: str) -> tuple[Array, Array, Array]:
    """W (gates x units, inputs), R (gates x units, units) and B (2 x gates x units,) of a direction in ONNX's order."""
    kernel, recurrent_kernel, bias = layer.get_weights()
    units, order = layer.units, GATES[operator]
    # Keras's bias is one row or, for a GRU, one row for the inputs and one for the states.
    biases = bias.reshape(-1, len(order) * units)
    both = biases if len(biases) == 2 else np.concatenate([biases, np.zeros_like(biases)])

    def reorder(values: Array) -> Array:
        gates = np.split(values, len(order), axis=-1)
        return np.concatenate([gates[gate] for gate in order], axis=-1)

    return reorder(kernel).T, reorder(recurrent_kernel).T, reorder(both).reshape(-1)
