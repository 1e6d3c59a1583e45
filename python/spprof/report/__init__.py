"""The report: a profile, or what changed between two, as one HTML file that needs nothing else.

    Profile (and an older one, or the moments of a series) ─► build ─► Report ─► encode ─► page ─► the file
                                                                └► notebook ─► an iframe for Jupyter

``Report`` (model.py) is all that the page knows: places, a tree of calls, and values for each stack and thread. What
kind of profile it was made from is told by names and units alone. The page's own code is the styles and scripts
beside it, joined as they are.
"""
