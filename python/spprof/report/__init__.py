"""The report: a profile, or the difference between two, as one self-contained HTML file.

    Profile (and an older one, or the snapshots of a series) ─► build ─► Report ─► encode ─► page ─► the file
                                                                └► notebook ─► an iframe for Jupyter

``Report`` (model.py) contains everything that the page knows: places, a tree of calls, and values for each stack and
thread. Only its names and units show which kind of profile it was made from. The page's own code consists of the styles
and scripts in ``assets``, concatenated as they are.
"""
