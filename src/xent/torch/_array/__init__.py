"""The array engine: losses of tensors on any device, by PyTorch's own operations alone.

It computes tensors of every device but the CPU, unless another package registers kernels for that
device. Nothing here waits for the device: no value of a tensor is read, also not to check it.
"""
