"""Writes the encoder as ONNX, and its int8 form: what the run-time loads."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from recipes.detectors.network import Encoder

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("pooled", "heads", "tokens")
_OPSET = 17


def write_onnx(encoder: Encoder, path: Path) -> None:
    """The float32 graph with free batch and length."""
    encoder.eval()
    example = torch.ones((2, 8), dtype=torch.int64)
    axes = {name: {0: "batch", 1: "length"} for name in (*INPUTS, "tokens")}
    torch.onnx.export(
        encoder,
        (example, example, example * 0),
        str(path),
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_axes={**axes, "pooled": {0: "batch"}, "heads": {0: "batch"}},
        opset_version=_OPSET,
        dynamo=False,
    )


def write_int8(full: Path, path: Path) -> None:
    """Weights int8 per channel; the heads, which are small, stay float32."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(full), str(ready), skip_symbolic_shape=True)
        graph = onnx.load(str(ready)).graph
        keep = [node.name for node in graph.node if _is_head(node)]
        quantize_dynamic(
            str(ready),
            str(path),
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=keep,
        )


def _is_head(node: onnx.NodeProto) -> bool:
    return node.op_type in {"Gemm", "MatMul"} and node.name.startswith(("/heads", "/tokens"))
