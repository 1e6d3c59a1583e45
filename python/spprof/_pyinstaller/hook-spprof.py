# ruff: noqa: N999
"""Adds the files of the HTML page, which are read and not imported, and the modules that are imported by name.
PyInstaller finds the library itself.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("spprof", filter=lambda name: "_pyinstaller" not in name and ".cli" not in name)
datas = collect_data_files("spprof", subdir="report/assets")
