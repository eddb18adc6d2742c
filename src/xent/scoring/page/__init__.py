"""The whole report of a score, as HTML and Markdown: what it says in words, tables and pictures."""
