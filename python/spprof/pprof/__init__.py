"""Reads and writes pprof's ``profile.proto``: the file that ``go tool pprof``, Pyroscope, Parca and Grafana read.

    Profile ─► encode ─► bytes ─► file: gzip          reading:  file: gunzip, limits ─► decode ─► Profile
                  └────── wire: varints, fields ──────────────────────────────────────────┘

The message definitions are those of https://github.com/google/pprof/blob/main/proto/profile.proto.
"""
