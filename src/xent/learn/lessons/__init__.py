"""The lessons: text in Markdown, and for each a module that makes what moves in it."""
