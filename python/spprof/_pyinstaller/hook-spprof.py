# ruff: noqa: N999
"""The files of the HTML page, which are read and not imported. PyInstaller finds the modules and the library itself."""

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("spprof", subdir="report/assets")
