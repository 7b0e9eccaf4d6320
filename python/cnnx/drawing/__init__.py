"""Self-contained HTML, SVG and PNG from the standard library and NumPy.

Pages and fragments for notebooks need no network and no script, and follow the reader's light or
dark colours.
"""
