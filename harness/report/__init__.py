"""Tables for the terminal, figures and Markdown for people."""
