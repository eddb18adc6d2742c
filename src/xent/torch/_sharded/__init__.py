"""Losses of classes that are divided over the processes of a group.

group.py        the group: its collectives, and whether its ranks agree
targets.py      the target rows of a rank's classes; arguments checked
rows.py         the arithmetic of rows: a rank's own classes, all ranks merged, the gradient
cpu_kernel.py   a rank's own rows by the compiled kernels
classes.py · linear.py      one loss each
"""
