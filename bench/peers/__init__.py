"""The cost and the findings of spprof compared with its peers: see __main__.py."""
