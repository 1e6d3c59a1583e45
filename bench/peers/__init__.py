"""What spprof costs and finds beside its peers: see __main__.py."""
