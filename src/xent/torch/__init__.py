"""xent inside PyTorch programs: `xent.torch.huggingface` for the models of `transformers`."""
