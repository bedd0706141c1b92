"""The one table from Op to ONNX nodes, of operator set 18.

Imports the Ops, the compiler's one too, and the rules; `model` walks with it.
"""

from minigrad.compiler.rewrite import Scalar
from minigrad.export.onnx import elementwise as of_elements
from minigrad.export.onnx import index as of_places
from minigrad.export.onnx import pictures as of_pictures
from minigrad.export.onnx import reduce as of_axes
from minigrad.export.onnx.emit import Rule
from minigrad.op import Op
from minigrad.ops import activation, conv, elementwise, index, linalg, logic, loss, pool, reduce, shape

OPSET = 18

CANNOT: dict[type[Op], str] = {}
"""Ops that ONNX cannot express, with the reason. There are none: Ops without an operator are composed of several."""

TABLE: dict[type[Op], Rule] = {
    Scalar: of_elements.scalar,
    elementwise.Add: of_elements.arithmetic("Add"),
    elementwise.Subtract: of_elements.arithmetic("Sub"),
    elementwise.Multiply: of_elements.arithmetic("Mul"),
    elementwise.Divide: of_elements.arithmetic("Div"),
    elementwise.Negative: of_elements.arithmetic("Neg"),
    elementwise.Power: of_elements.arithmetic("Pow"),
    elementwise.PowerOf: of_elements.power_of,
    elementwise.Square: of_elements.square,
    elementwise.Sqrt: of_elements.arithmetic("Sqrt"),
    elementwise.Exp: of_elements.arithmetic("Exp"),
    elementwise.Log: of_elements.arithmetic("Log"),
    elementwise.Log1p: of_elements.log1p_of,
    elementwise.Sin: of_elements.arithmetic("Sin"),
    elementwise.Cos: of_elements.arithmetic("Cos"),
    elementwise.Abs: of_elements.arithmetic("Abs"),
    elementwise.Maximum: of_elements.arithmetic("Max"),
    elementwise.Minimum: of_elements.arithmetic("Min"),
    elementwise.Where: of_elements.where,
    activation.Tanh: of_elements.arithmetic("Tanh"),
    activation.Sigmoid: of_elements.arithmetic("Sigmoid"),
    activation.Relu: of_elements.arithmetic("Relu"),
    activation.LeakyRelu: of_elements.leaky_relu,
    activation.Softplus: of_elements.softplus,
    activation.Clip: of_elements.clip,
    logic.Equal: of_elements.comparison("Equal"),
    logic.NotEqual: of_elements.comparison("Equal", negated=True),
    logic.Less: of_elements.comparison("Less"),
    logic.LessEqual: of_elements.comparison("LessOrEqual"),
    logic.Greater: of_elements.comparison("Greater"),
    logic.GreaterEqual: of_elements.comparison("GreaterOrEqual"),
    logic.And: of_elements.bitwise("And", "BitwiseAnd"),
    logic.Or: of_elements.bitwise("Or", "BitwiseOr"),
    logic.Xor: of_elements.bitwise("Xor", "BitwiseXor"),
    logic.Invert: of_elements.bitwise("Not", "BitwiseNot"),
    logic.FloorDivide: of_elements.floor_divide,
    logic.Sign: of_elements.arithmetic("Sign"),
    logic.IsFinite: of_elements.is_finite,
    logic.IsNan: of_elements.is_nan,
    logic.Cast: of_elements.cast,
    logic.Detach: of_elements.identity,
    reduce.Sum: of_axes.reduction("ReduceSum"),
    reduce.Mean: of_axes.reduction("ReduceMean"),
    reduce.Max: of_axes.reduction("ReduceMax"),
    reduce.Min: of_axes.reduction("ReduceMin"),
    reduce.LogSumExp: of_axes.log_sum_exp,
    reduce.CumSum: of_axes.cumsum,
    reduce.ArgMax: of_axes.arg_max,
    shape.Copy: of_elements.identity,
    shape.Reshape: of_axes.reshape,
    shape.Transpose: of_axes.transpose,
    shape.BroadcastTo: of_axes.broadcast_to,
    shape.SumTo: of_axes.sum_to,
    shape.Concat: of_axes.concat,
    shape.Stack: of_axes.stack,
    shape.Pad: of_axes.pad,
    index.Slice: of_places.sliced,
    index.SlicePut: of_places.slice_put,
    index.Gather: of_places.gather,
    index.ScatterAdd: of_places.scatter_add,
    index.Index: of_places.indexed,
    index.IndexAdd: of_places.index_add,
    index.OneHot: of_places.one_hot,
    linalg.MatMul: of_axes.matmul,
    linalg.Einsum: of_axes.einsum,
    loss.Softmax: of_places.along_axis("Softmax"),
    loss.LogSoftmax: of_places.along_axis("LogSoftmax"),
    loss.CrossEntropy: of_places.cross_entropy,
    loss.CrossEntropyGrad: of_places.cross_entropy_grad,
    loss.BinaryCrossEntropy: of_elements.binary_cross_entropy,
    conv.Conv2d: of_pictures.conv2d,
    conv.ConvTranspose2d: of_pictures.conv_transpose2d,
    conv.ConvWeight2d: of_pictures.conv_weight2d,
    pool.MaxPool2d: of_pictures.max_pool2d,
    pool.MaxPoolGrad: of_pictures.max_pool_grad,
    pool.MaxPoolTake: of_pictures.max_pool_take,
    pool.AvgPool2d: of_pictures.avg_pool2d,
    pool.AvgPoolGrad: of_pictures.avg_pool_grad,
}
