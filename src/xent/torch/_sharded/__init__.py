"""Losses of classes that are divided over the processes of a group.

team.py     the group: its collectives, and whether its ranks agree
shard.py    what is asked of a rank's classes; arguments checked
fused.py    a rank's own rows by the compiled kernels
rows.py     the arithmetic of a block of rows: own classes, merged rows, gradient
classes.py · linear.py      an operation each
"""
