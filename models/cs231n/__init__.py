"""CS231n's captioning assignment on this engine, with the names and signatures its RNN and LSTM notebooks use.

The layers are the closed forms of `models.closed_form`; CaptioningRNN computes its gradients automatically. As in the
course, random numbers come from NumPy's global state (`np.random.seed`).
"""

from models.closed_form import (
    lstm_backward,
    lstm_forward,
    lstm_step_backward,
    lstm_step_forward,
    rnn_backward,
    rnn_forward,
    rnn_step_backward,
    rnn_step_forward,
    sigmoid,
    temporal_affine_backward,
    temporal_affine_forward,
    word_embedding_backward,
    word_embedding_forward,
)
from models.cs231n.captioning import CaptioningRNN, temporal_softmax_loss
from models.cs231n.coco import decode_captions, image_from_url, load_coco_data, sample_coco_minibatch
from models.cs231n.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array, rel_error
from models.cs231n.solver import CaptioningSolver

__all__ = [
    "CaptioningRNN",
    "CaptioningSolver",
    "decode_captions",
    "eval_numerical_gradient",
    "eval_numerical_gradient_array",
    "image_from_url",
    "load_coco_data",
    "lstm_backward",
    "lstm_forward",
    "lstm_step_backward",
    "lstm_step_forward",
    "rel_error",
    "rnn_backward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "sample_coco_minibatch",
    "sigmoid",
    "temporal_affine_backward",
    "temporal_affine_forward",
    "temporal_softmax_loss",
    "word_embedding_backward",
    "word_embedding_forward",
]
