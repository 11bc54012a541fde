"""Stores only the nonzero weights of fully connected layers in a TensorFlow Lite model.

TensorFlow has `tf.lite.Optimize.EXPERIMENTAL_SPARSITY` for this. In 2.15, it stores blocks of 4
inputs where units have no connections at all, and then loses the last inputs if their number is not
a multiple of 4 (Hopper has 11), so that actions are wrong. Here, every sparse kernel is stored row
by row (CSR), which the runtime multiplies by directly.
"""

import collections
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

READ_IN = {"tensorflow": "2.15.1"}

# The lowest version of the operator with sparse weights.
_SPARSE_VERSION = 8
_VECTORS: dict[Any, tuple[int, Any]] = {
    np.uint8: (schema.SparseIndexVector.Uint8Vector, schema.Uint8VectorT),
    np.uint16: (schema.SparseIndexVector.Uint16Vector, schema.Uint16VectorT),
    np.int32: (schema.SparseIndexVector.Int32Vector, schema.Int32VectorT),
}


def encoded(model: bytes) -> bytes:
    """The same model with sparse float32 kernels of fully connected layers, where that is smaller.

    Args:
      model: a TensorFlow Lite model.
    """
    contents: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    for graph in contents.subgraphs:
        readers = collections.Counter(index for each in graph.operators for index in each.inputs)
        holders = collections.Counter(tensor.buffer for tensor in graph.tensors)
        for operator in graph.operators:
            kind = contents.operatorCodes[operator.opcodeIndex]
            if kind.builtinCode != schema.BuiltinOperator.FULLY_CONNECTED:
                continue
            index = operator.inputs[1]
            kernel = graph.tensors[index]
            # Other operators may expect all weights.
            shared = readers[index] > 1 or holders[kernel.buffer] > 1
            if shared or kernel.type != schema.TensorType.FLOAT32:
                continue
            buffer = contents.buffers[kernel.buffer]
            if buffer.data is not None and _encode(kernel, buffer):
                kind.version = max(kind.version, _SPARSE_VERSION)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(contents))


def _encode(kernel: Any, buffer: Any) -> bool:
    """Makes a kernel (outputs, inputs) sparse if that takes fewer bytes; returns whether it did."""
    data = np.asarray(buffer.data, np.uint8)
    weights = data.view(np.float32).reshape(kernel.shape)
    rows, columns = weights.nonzero()
    values = weights[rows, columns].view(np.uint8)
    starts_of_rows = np.cumsum([0, *np.bincount(rows, minlength=len(weights))])
    (starts_type, starts), (columns_type, indices) = _vector(starts_of_rows), _vector(columns)
    if values.nbytes + starts.values.nbytes + indices.values.nbytes >= data.nbytes:
        return False
    outputs, inputs = schema.DimensionMetadataT(), schema.DimensionMetadataT()
    outputs.format, outputs.denseSize = schema.DimensionType.DENSE, len(weights)
    inputs.format = schema.DimensionType.SPARSE_CSR
    inputs.arraySegmentsType, inputs.arraySegments = starts_type, starts
    inputs.arrayIndicesType, inputs.arrayIndices = columns_type, indices
    kernel.sparsity = schema.SparsityParametersT()
    kernel.sparsity.traversalOrder = np.arange(2, dtype=np.int32)
    kernel.sparsity.dimMetadata = [outputs, inputs]
    buffer.data = values
    return True


def _vector(numbers: np.ndarray) -> tuple[int, Any]:
    """The smallest vector that holds the numbers, and its code."""
    largest = numbers.max(initial=0)
    dtype = next(each for each in _VECTORS if largest <= np.iinfo(each).max)
    code, kind = _VECTORS[dtype]
    vector = kind()
    vector.values = numbers.astype(dtype)
    return code, vector
