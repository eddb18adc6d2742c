"""Losses composed of known parts: each part one entry of a table, and a search over them."""
