"""PyTorch backend: tensors of the CPU share their memory with the NumPy backend and its kernels.

bridge.py       tensors as NumPy arrays
room.py         memory for gradients, used again
operation.py · tiny.py      how an operation is called; the short way of small batches
shapes.py       shapes checked where there are no numbers
scaling.py      a kept gradient times what comes from above
classes.py · binary.py · linear.py      an operation each, with its derivatives
chunks.py       a linear layer a chunk of rows at a time
derivatives.py  second derivatives, and those for soft targets
front.py        the loss functions for tensors
words.py        their errors, in the names and by the fixes of those who call
sharded/        losses of classes divided over processes
"""

from xent.backends.torch.front import binary_cross_entropy, cross_entropy, linear_cross_entropy

__all__ = ["binary_cross_entropy", "cross_entropy", "linear_cross_entropy"]
