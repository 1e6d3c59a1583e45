"""The cost and the findings of spprof compared with those of its peers: see __main__.py."""
