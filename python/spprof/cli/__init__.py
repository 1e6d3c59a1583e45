"""The command line: ``spprof`` and ``python -m spprof``. docs/cli.md describes it.

    main ─► run ──── exec ───► bootstrap ─► recorder: the program's own process is sampled, then a file is written
       ├──► table, tree, stats, diff:         file ─► Profile ─► text or JSON on stdout
       └──► merge, convert:                   files ─► Profile ─► file

A verb is a module with ``add_arguments(parser)`` and ``main(arguments)``, which returns the exit status.
"""
