"""Preludes that the short programs of several tests share."""

from __future__ import annotations

OF_MEMORY = """
import spprof.memprof as memprof
from asked_for import bytearray_size
from of_memory import lengths, python_frames, site
"""

OF_CPU = """
import os, sys, threading, time
import spprof
from of_cpu import busy, count
from spprof import _engine
"""
