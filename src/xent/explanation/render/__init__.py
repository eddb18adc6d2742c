"""Printers of an explanation: text, Markdown, LaTeX, HTML and plain data. None computes."""
