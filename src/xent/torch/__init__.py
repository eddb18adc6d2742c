"""For PyTorch beside the functions of `xent` itself: `parallel`, classes over several processes."""
