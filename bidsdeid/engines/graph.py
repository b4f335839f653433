"""Small graphs for ``onnxruntime``, made in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bidsdeid.core.voxels import Floats
from bidsdeid.engines.runtime import onnxruntime
from bidsdeid.errors import ToolError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

#: Slope of leaky ReLU below zero.
LEAK = 0.2

#: Versions of ONNX's operators and file format that every onnxruntime since 1.13 knows.
_OPSET, _IR = 17, 8


class Graph:
    """A small ONNX graph in the making; its output is ``y``."""

    def __init__(self) -> None:
        import onnx  # noqa: PLC0415 -- an extra: 80 MB that defacing does not need

        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, inputs: Sequence[str], output: str, **settings: Any) -> None:  # noqa: ANN401
        """Add a node."""
        node = self._onnx.helper.make_node(kind, inputs, [output], **settings)
        self._nodes.append(node)

    def convolve(
        self,
        source: str,
        weight: Floats,
        output: str,
        *,
        bias: Floats | None = None,
        leak: bool = False,
        pads: Sequence[int] = (1, 1, 1, 1),
    ) -> None:
        """Add a convolution of an image, with its activation if `leak`.

        Parameters
        ----------
        source, output : str
            Names of images.
        weight : (out, in, height, width) array
        bias : (out,) array, optional
        leak : bool
            Leaky ReLU after it.
        pads : sequence of int
            Zeros above, left, below and right.
        """
        names = [f"{output}_weight", f"{output}_bias"]
        tensors = [weight] if bias is None else [weight, bias]
        for name, tensor in zip(names, tensors, strict=False):
            self._constants.append(self._onnx.numpy_helper.from_array(tensor, name))
        result = f"{output}_linear" if leak else output
        inputs = [source, *names[: len(tensors)]]
        self.add("Conv", inputs, result, kernel_shape=weight.shape[2:], pads=pads)
        if leak:
            self.add("LeakyRelu", [result], output, alpha=LEAK)

    def session(self, channels: Mapping[str, int], *, gpu: bool) -> InferenceSession:
        """Return the graph ready to run.

        It runs on one thread: threads share planes instead, so that nothing depends on how many
        there are.

        Parameters
        ----------
        channels : mapping
            Of each input image, by name.
        gpu : bool
        """
        runtime = onnxruntime()
        helper, number = self._onnx.helper, self._onnx.TensorProto.FLOAT
        inputs = [
            helper.make_tensor_value_info(name, number, [1, count, f"{name}_h", f"{name}_w"])
            for name, count in channels.items()
        ]
        output = [helper.make_tensor_value_info("y", number, None)]
        graph = helper.make_graph(self._nodes, "layer", inputs, output, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        providers = ["CUDAExecutionProvider"] if gpu else ["CPUExecutionProvider"]
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=providers)
        if providers[0] not in session.get_providers():
            message = "onnxruntime cannot use the GPU: leave out --gpu"
            raise ToolError(message)
        return session
