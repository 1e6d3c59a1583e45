"""Asking a running process over HTTP, with the paths of Go's net/http/pprof."""
