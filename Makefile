# PYTHON selects the interpreter. Everything else is created here: .venv holds the tools, the package and its build.
PYTHON ?= python3
VENV ?= .venv
DEPS = build/deps
CMOCKA ?= $(DEPS)/cmocka
VALGRIND = $(DEPS)/valgrind/usr

IN_VENV = PATH="$(abspath $(VENV))/bin:$$PATH"
INSTALL = $(IN_VENV) pip --disable-pip-version-check install --quiet --no-build-isolation --no-deps

# The folder in which tools/results.py keeps the result of each suite.
export RESULTS ?= build/results
RECORD = $(PYTHON) tools/results.py record
SUM = $(PYTHON) tools/results.py sum
# Number of tests to run at a time; most of them run a separate program.
CORES ?= auto
PYTEST = $(VENV)/bin/python -m pytest

# Only test builds stop at broken invariants and compiler warnings.
CHECKED = -Dchecks=true -Dwerror=true
CHECKED_ENGINE = $(VENV)/build-checked/libspprof_alloc.so
SOURCES = $(shell find include src -type f) meson.build meson.options
C_TESTS = -Dtests=true -Dcmocka_prefix=$(CMOCKA_PREFIX_$(SYSTEM))
CMOCKA_PREFIX_Linux = $(abspath $(CMOCKA))/usr
CMOCKA_PREFIX_Darwin = $(shell brew --prefix cmocka)

# Variables whose names end with the system's have a value for each.
SYSTEM := $(shell uname)

# Files that forges read, checked against the schemas that are part of check-jsonschema.
OF_SCHEMA = $(VENV)/bin/check-jsonschema --builtin-schema
LINT_FORMS = $(OF_SCHEMA) vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml && \
    $(OF_SCHEMA) vendor.github-workflows .github/workflows/*.yml && $(OF_SCHEMA) vendor.citation-file-format CITATION.cff

# A closer check of the workflows. Go builds it once from its module; without Go it is skipped.
ACTIONLINT = $(DEPS)/actionlint/actionlint
ACTIONLINT_MODULE = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

.PHONY: demo demo-of-wheel test test-all test-macos nightly platforms lint format docs docs-linkcheck shell-files release wheels wheels-aarch64 macos run-macos-engine docker-wheels check-wheels pictures bench bench-peers viewers macho fuzz-pprof fuzz-requests endings processes mapped resident allocators accuracy-long clean venv \
    peak-coverage growth-long attach-many run-attach-many growing-service run-growing-service scrape-service run-scrape-service venv-for-all wheels-venv install install-checked \
    install-for-macos brew-cmocka run-python-on-macos \
    install-with-c-tests dependencies pythons fresh-results run-tests run-c \
    run-tidy run-docs docs-requirements run-accuracy run-python run-python-long run-python-rest run-python-again run-other-pythons \
    run-newest-python run-newest-but-one-python run-packaging run-packaging-essentials run-viewers run-fuzz-pprof run-fuzz-requests \
    run-cpython-suite run-endings run-processes run-mapped run-resident run-allocators many-children run-many-children
.NOTPARALLEL:

# $(call record-pytest,NAME,ARGUMENTS,ENVIRONMENT): one pytest suite.
record-pytest = $(RECORD) $(1) --pytest $(RESULTS)/$(1).xml "env $(3) $(PYTEST) -m ''" -- \
    env $(3) $(PYTEST) --junitxml=$(RESULTS)/$(1).xml --numprocesses=$(CORES) $(2)

# $(call record-meson,NAME,BUILD FOLDER,NAME OF ITS LOG,OPTIONS,CHOICE OF TESTS,ENVIRONMENT): C tests.
meson-test = env $(6) $(VENV)/bin/meson test -C $(2) --no-rebuild --print-errorlogs $(4)
record-meson = $(RECORD) $(1) --meson $(2)/meson-logs/$(3).junit.xml '$(meson-test)' -- $(meson-test) $(5)

# Installs only what the demonstration needs and skips bytecode compilation, because the user is waiting.
demo:
	@$(PYTHON) tools/venv.py --no-compile $(VENV) tools/requirements-build.txt tools/requirements-demo.txt
	$(INSTALL) --no-compile -Cbuild-dir=$(VENV)/build .
	$(RUN_DEMO_$(SYSTEM))

RUN_DEMO_Linux = preload="$$($(VENV)/bin/python -c 'from spprof import _engine; print(_engine.library_path())')" && \
    LD_PRELOAD="$$preload" $(VENV)/bin/python examples/demo.py
RUN_DEMO_Darwin = $(VENV)/bin/python examples/demo.py

# C tests, tidy tests and Python tests on PYTHON.
test: fresh-results run-tests
	@$(SUM)

# On a Mac: the C tests and those of the Python tests that apply. MACOS_TESTS selects the latter, and tests/python means
# all of them. Homebrew provides cmocka.
test-macos: fresh-results install-for-macos run-c run-python-on-macos
	@$(SUM)

# On a Mac: installs the wheel for PYTHON from build/wheels, which `make macos` built elsewhere, and runs the demo.
demo-of-wheel:
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-demo.txt
	$(IN_VENV) pip --disable-pip-version-check install --quiet --force-reinstall --no-index --no-deps \
	    --find-links build/wheels spprof
	$(VENV)/bin/python examples/demo.py

# Like test, then the Python tests on every other Python that is found, then the packaging tests.
test-all: fresh-results run-tests run-other-pythons run-packaging
	@$(SUM)

# All of that and the slow suites, piece by piece, with a table in tests/nightly. PIECES selects; AGAIN=1 repeats.
nightly: venv-for-all dependencies
	$(VENV)/bin/python tools/nightly.py $(if $(AGAIN),--again) $(PIECES)

lint: venv $(ACTIONLINT)
	$(PYTHON) tools/venv.py $(VENV) tools/requirements-lint.txt
	find include src tests -name '*.[ch]' | xargs -r $(VENV)/bin/clang-format --dry-run --Werror
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	@if [ -x $(VENV)/bin/check-jsonschema ]; then $(LINT_FORMS); else echo "skipped: check-jsonschema (Python 3.11)"; fi
	@if [ -x $(ACTIONLINT) ]; then $(ACTIONLINT) -shellcheck= -pyflakes=; else echo "skipped: actionlint (Go)"; fi

format: venv
	$(PYTHON) tools/venv.py $(VENV) tools/requirements-lint.txt
	find include src tests -name '*.[ch]' | xargs -r $(VENV)/bin/clang-format -i
	$(VENV)/bin/ruff check --fix --exit-zero .
	$(VENV)/bin/ruff format .

# The documentation site, into build/site. A warning or a dead link is an error.
docs: install docs-requirements
	$(VENV)/bin/python tools/documentation.py

# Asks every address that the pages name, over the network.
docs-linkcheck: install docs-requirements
	$(VENV)/bin/python tools/documentation.py linkcheck

# The man page and the completions for shells, from the command line's own parsers into share.
shell-files: install docs-requirements
	$(VENV)/bin/python tools/shell_files.py

# Checks that VERSION is ready, builds its files into build/release and prints the next steps. Uploads nothing.
release: install docs-requirements
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-release.txt
	@$(IN_VENV) python tools/release.py $(VERSION)

# Builds wheels for glibc 2.17 and every Python found into build/wheels, with zig's C compiler and without Docker.
# VERSIONS selects.
WHEELS_VENV = build/venvs/wheels
wheels: wheels-venv
	$(WHEELS_VENV)/bin/python tools/wheels.py $(VERSIONS)

# Does the same for aarch64 on any machine, for the Pythons found here that a Debian release has for aarch64.
wheels-aarch64: wheels-venv
	$(WHEELS_VENV)/bin/python tools/wheels.py --aarch64 $(VERSIONS)

# Cross-builds wheels for macOS 12 (arm64, x86-64), experimental, and checks them without a Mac. Maven fetches CPython's
# headers. VERSIONS selects.
MACOS_VENV = build/venvs/macos
macos:
	@$(PYTHON) tools/venv.py $(MACOS_VENV) tools/requirements-build.txt tools/requirements-macos.txt
	$(MACOS_VENV)/bin/python tools/macos.py $(VERSIONS)

# Runs the x86-64 engine for macOS on Linux: a loader of ours maps it and stands in for macOS's functions. PROGRAMS
# selects test programs.
run-macos-engine:
	@$(PYTHON) tools/venv.py $(MACOS_VENV) tools/requirements-build.txt tools/requirements-macos.txt
	$(MACOS_VENV)/bin/python tests/macos/run_engine.py $(PROGRAMS)

# Builds them with cibuildwheel, as the workflow does, for this machine's architecture. It needs Docker.
docker-wheels:
	@$(PYTHON) tools/venv.py build/venvs/docker-wheels tools/requirements-docker-wheels.txt
	build/venvs/docker-wheels/bin/cibuildwheel --platform linux --output-dir build/wheels

# Installs and runs these wheels in an old and a new Debian, and those for aarch64 under an emulator; the table is
# tests/nightly/WHEELS.md. Needs root. RELEASES selects.
check-wheels: wheels wheels-aarch64 venv $(DEPS)/debootstrap
	$(VENV)/bin/python tests/nightly/check_wheels.py $(RELEASES)

# The pictures of README.md, from real runs, into docs/pictures.
pictures: install-checked $(DEPS)/chromium
	$(VENV)/bin/python tools/pictures.py

# Runs the stack specimens by version, JIT and allocator; writes the table of docs/platforms.md. VERSIONS selects.
platforms:
	$(PYTHON) tools/platforms.py $(VERSIONS)

bench: install $(DEPS)/valgrind $(DEPS)/libunwind
	if [ -d $(VALGRIND) ]; then \
	    export PATH="$$PATH:$(abspath $(VALGRIND))/bin" VALGRIND_LIB="$(abspath $(VALGRIND))/libexec/valgrind"; \
	fi; \
	for bench in bench/*.py bench/*/run; do \
	    [ -f "$$bench" ] || continue; \
	    echo "== $$bench"; \
	    case "$$bench" in *.py) set -- $(VENV)/bin/python "$$bench";; *) set -- "$$bench";; esac; \
	    $(IN_VENV) "$$@" || exit 1; \
	done

# Compares the cost and the findings of spprof with its peers, part by part; an interrupted run resumes. PARTS selects
# ("steady programs"), AGAIN=1 repeats, QUICK=1 tries everything in a minute or two without writing docs/benchmarks.md,
# ANYWAY=1 measures on a busy machine, GENERATIONS=N adds fresh processes, VARIANTS="a;b" selects the profilers, and
# WORKLOADS="a;b" the programs.
BENCH_VENV = build/bench/venv
bench-peers: $(DEPS)/valgrind
	@$(PYTHON) tools/venv.py $(BENCH_VENV) tools/requirements-build.txt
	PATH="$(abspath $(BENCH_VENV))/bin:$$PATH" pip --disable-pip-version-check install --quiet --no-build-isolation \
	    --no-deps -Cbuild-dir=build/bench/build .
	@PYTHONPATH=bench $(BENCH_VENV)/bin/python -m peers $(PARTS) $(if $(AGAIN),--again) $(if $(QUICK),--quick) \
	    $(if $(ANYWAY),--anyway) $(if $(GENERATIONS),--generations $(GENERATIONS)) $(if $(VARIANTS),--variants "$(VARIANTS)") \
	    $(if $(WORKLOADS),--workloads "$(WORKLOADS)")

# Our files in go tool pprof, pprof-format, speedscope and a browser.
viewers: install-checked $(DEPS)/chromium
	$(PYTEST) -m viewers tests/python

# Reads Mach-O files that zig compiled, and CPython's, with our parsers and with LIEF, and tries the check of
# `make macos` on good and bad ones. Maven fetches CPython's.
macho: venv $(DEPS)/macos-python3.14 $(DEPS)/macos-12/libSystem.tbd
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-macos.txt
	$(PYTEST) tests/python/test_macho.py
	$(PYTEST) tests/tidy/test_macos_build.py

$(DEPS)/macos-12/libSystem.tbd: | venv
	@$(VENV)/bin/python tools/macos_stubs.py $@

$(DEPS)/macos-python%:
	@$(PYTHON) tools/macos_python.py $@

# Mutated files against the profile reader, for FUZZ_SECONDS.
fuzz-pprof: install-checked run-fuzz-pprof
fuzz-requests: install-checked run-fuzz-requests

# Programs that end in every way, with and without spprof; the table is tests/nightly/ENDINGS.md.
endings: install-checked run-endings

run-endings:
	$(VENV)/bin/python tests/nightly/sweep_endings.py

# Ten thousand interpreters under spprof run; the table is tests/nightly/CHILDREN.md.
many-children: install-checked run-many-children

run-many-children:
	$(VENV)/bin/python tests/nightly/many_children.py

# Repeated attachments to a program (3.14 and later); the table is tests/nightly/ATTACH.md.
attach-many: install-checked run-attach-many

run-attach-many:
	$(VENV)/bin/python tests/nightly/sweep_attach.py

# A service that leaks a little, for ten minutes; the table is tests/nightly/GROWING.md.
growing-service: install-checked run-growing-service

run-growing-service:
	$(VENV)/bin/python tests/nightly/growing_service.py

# A service whose heap a Go scraper pulls for five minutes; the table is tests/nightly/SCRAPES.md.
scrape-service: install-checked run-scrape-service

run-scrape-service:
	$(VENV)/bin/python tests/nightly/scrape_service.py

# Servers and pools with one leaking worker, with real packages; the table is tests/nightly/PROCESSES.md.
processes: install-checked run-processes

run-processes:
	$(VENV)/bin/python tests/nightly/sweep_processes.py

# Memory held by the libraries of real packages, compared with their own counts; the table is tests/nightly/MAPPED.md.
mapped: install-checked run-mapped

run-mapped:
	$(VENV)/bin/python tests/nightly/sweep_mapped.py

# The memory of programs with real packages, part by part, compared with the allocators' own counts; the table is
# tests/nightly/RESIDENT.md.
resident: install-checked run-resident

run-resident:
	$(VENV)/bin/python tests/nightly/sweep_resident.py

# The parts of memory under every malloc and PYTHONMALLOC, on one Python; the table is tests/nightly/ALLOCATORS.md.
allocators: install-checked $(DEPS)/allocators run-allocators

run-allocators:
	$(VENV)/bin/python tests/nightly/sweep_allocators.py

run-fuzz-requests:
	cd $(VENV) && bin/python $(CURDIR)/tests/fuzz/fuzz_requests.py

run-fuzz-pprof:
	cd $(VENV) && bin/python $(CURDIR)/tests/fuzz/fuzz_pprof.py

libspprof_alloc.so: $(SOURCES)
	$(PYTHON) tools/venv.py $(VENV) tools/requirements-build.txt
	$(IN_VENV) meson setup --reconfigure -Dpython=false $(VENV)/build-engine
	$(IN_VENV) meson compile -C $(VENV)/build-engine
	cp $(VENV)/build-engine/$@ $@

clean:
	rm -rf .venv build libspprof_alloc.so

# ---- Steps of the above ---------------------------------------------------------------------------------------------

venv:
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-build.txt tools/requirements-test.txt

wheels-venv:
	@$(PYTHON) tools/venv.py $(WHEELS_VENV) tools/requirements-build.txt tools/requirements-wheels.txt

# The package as users get it.
install: venv
	$(INSTALL) -Cbuild-dir=$(VENV)/build .

install-checked: venv
	$(INSTALL) -Cbuild-dir=$(VENV)/build-checked $(foreach option,$(CHECKED) $(OPTIONS),-Csetup-args=$(option)) .
	@touch -c $(CHECKED_ENGINE)

docs-requirements: venv
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-docs.txt

install-with-c-tests: OPTIONS = $(C_TESTS)
install-with-c-tests: $(CMOCKA) install-checked

install-for-macos: OPTIONS = $(C_TESTS)
install-for-macos: brew-cmocka install-checked

brew-cmocka:
	brew list cmocka >/dev/null 2>&1 || brew install cmocka

# Everything that the suites need. They install nothing into this environment, so that several can run at a time.
REQUIREMENTS = $(foreach of,build test packaging pythons lint docs,tools/requirements-$(of).txt)
venv-for-all:
	@$(PYTHON) tools/venv.py $(VENV) $(REQUIREMENTS)

dependencies: $(foreach name,allocators libunwind chromium libfuzzer valgrind,$(DEPS)/$(name))

fresh-results:
	@rm -rf $(RESULTS)

# ---- Suites, each recorded. Their requirements must be installed first: see run-tests.

run-tests: install-with-c-tests $(DEPS)/allocators $(DEPS)/libunwind $(DEPS)/valgrind docs-requirements \
    run-c run-tidy run-docs run-accuracy run-python

run-c:
	$(call record-meson,c,$(VENV)/build-checked,testlog)

OF_BUILD = SPPROF_BUILD_DIR=$(abspath $(VENV))/build-checked
run-tidy:
	$(call record-pytest,tidy,tests/tidy,$(OF_BUILD))

# The site, and every code block of the pages; on one Python.
run-docs:
	$(call record-pytest,docs,tests/docs)

run-accuracy:
	$(call record-pytest,accuracy,tests/accuracy,$(OF_BUILD))

# Functions with known shares of 90 CPU seconds each; the table is tests/nightly/SHARES.md.
accuracy-long:
	$(VENV)/bin/python tests/accuracy/test_cpu_shares.py

# Millions of random calls of mmap's family; the C tests include a short version.
MODEL_CALLS ?= 4000000
run-map-model:
	$(call record-meson,map-model,$(VENV)/build-checked,testlog-map-model,--no-rebuild,$(MAP_MODEL),$(OF_MODEL))

MAP_MODEL = test_map_model test_map_model_patched
OF_MODEL = SPPROF_MODEL_CALLS=$(MODEL_CALLS)

# A thousand runs of each program with a known peak; the table is tests/nightly/PEAKS.md.
peak-coverage:
	$(VENV)/bin/python tests/accuracy/test_peak_coverage.py

# Growth verdicts on thousands of random programs of each kind; the table is tests/nightly/GROWTH.md.
growth-long:
	$(VENV)/bin/python tests/nightly/sweep_growth.py

run-python:
	$(call record-pytest,python,tests/python,SPPROF_ALL_COMBINATIONS=1)

run-python-on-macos:
	$(call record-pytest,python-on-macos,$(MACOS_TESTS),SPPROF_EXPERIMENTAL=macos)

# Files about profiles, reports and the engine that need neither preloading nor Linux's /proc.
MACOS_TESTS ?= $(MACOS_NAMES:%=tests/python/test_%.py)
MACOS_NAMES = ages cplusplus_names cpu_api cpu_profile cpu_threads endings errors estimate folded_imports formats \
    frame_memo growth growth_of_snapshots jit layout memory_profiler peak pprof record report report_history \
    report_numbers rust_names series series_bad_input series_growth sites snapshot stack_depth stacks whole_stacks

# Like run-python, in two parts of about equal length, for two cores.
run-python-long:
	$(call record-pytest,python-long,tests/python -m "long and $(OF_PYTHON)")

run-python-rest:
	$(call record-pytest,python-rest,tests/python -m "not long and $(OF_PYTHON)",SPPROF_ALL_COMBINATIONS=1)

OF_PYTHON = not packaging and not viewers

# The engine does not depend on Python: one build is installed for all versions.
$(CHECKED_ENGINE): $(SOURCES)
	$(MAKE) --no-print-directory install-checked

# On another Python: without the tests marked long, unless LONG is set.
NOT_LONG = $(if $(LONG),,and not long)
run-python-again:
	$(if $(LONG),,@echo "skipped on Python $(VERSION): tests marked long, to save time; make nightly runs them")
	$(RECORD) install-$(VERSION) -- $(MAKE) --no-print-directory install-checked
	$(call record-pytest,python-$(VERSION),tests/python -m "$(OF_PYTHON) $(NOT_LONG)")

# CPython's own test suite, which PYTHON must include, without the profilers and under both.
run-cpython-suite:
	$(RECORD) install-$(VERSION) -- $(MAKE) --no-print-directory install-checked
	$(RECORD) cpython-suite -- $(VENV)/bin/python tests/stress/cpython_suite.py

run-other-pythons: $(CHECKED_ENGINE) $(DEPS)/libunwind
	$(PYTHON) tools/find_pythons.py --others $(ONLY) | while read -r version python; do \
	    $(MAKE) --no-print-directory PYTHON="$$python" VERSION="$$version" VENV="build/venvs/$$version" LONG="$(LONG)" \
	        OPTIONS="-Dengine=$(abspath $(CHECKED_ENGINE))" run-python-again </dev/null; \
	done

run-newest-python: ONLY = --newest
run-newest-but-one-python: ONLY = --newest-but-one
run-newest-python run-newest-but-one-python: run-other-pythons

# One test at a time, because they share what the first one builds.
run-packaging run-packaging-essentials run-viewers: CORES = 0

run-packaging: $(DEPS)/libunwind
	@$(PYTHON) tools/venv.py $(VENV) $(foreach of,build test packaging,tools/requirements-$(of).txt)
	$(call record-pytest,packaging,-m packaging tests/python)

run-packaging-essentials:
	$(call record-pytest,packaging,-m "packaging and not nightly" tests/python)

run-viewers: $(DEPS)/chromium
	$(call record-pytest,viewers,-m viewers tests/python)

# A command without tests.
record-%:
	$(RECORD) $* -- $(MAKE) --no-print-directory $*

# Dependencies that are downloaded if the system lacks them; the table is in tools/dependencies.py.
$(DEPS)/%:
	@$(IN_VENV) $(PYTHON) tools/dependencies.py $@

$(ACTIONLINT):
	@! command -v go >/dev/null || GOBIN=$(abspath $(@D)) go install $(ACTIONLINT_MODULE) || echo "actionlint was not built"

# Pythons that no Debian release provides, each in its own folder; missing ones are downloaded. Without one, its tests
# do not run.
UNRELEASED ?= 3.14 3.15
pythons:
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-pythons.txt
	@$(MAKE) --no-print-directory --keep-going $(UNRELEASED:%=$(DEPS)/python%)

# ---- Stress tests and sanitizers ------------------------------------------------------------------------------------

.PHONY: stress sanitize run-sanitizer-address run-sanitizer-thread run-sanitizer run-valgrind

# Every specimen for STRESS_SECONDS (240: about two hours), then two that only run by name. A specimen that has a result
# for these sources is not run again; results are kept in tests/stress.
stress: STRESS_SECONDS ?= 240
stress: install
	STRESS_SECONDS=$(STRESS_SECONDS) $(VENV)/bin/python tests/stress/run.py
	STRESS_SECONDS=$(STRESS_SECONDS) $(VENV)/bin/python tests/stress/run.py servers
	STRESS_SECONDS=1800 $(VENV)/bin/python tests/stress/run.py churn

# The C tests of everything except the hooks, built with sanitizers; then some of them under valgrind.
sanitize: venv run-sanitizer-address run-sanitizer-thread run-valgrind

run-sanitizer-address: $(CMOCKA)
	@echo "skipped under sanitizers: the preloaded tests (sanitizers have their own malloc, which ours would precede)" \
	    "and the Python tests (an interpreter without sanitizers cannot load a library with them)"
	@echo "skipped under the undefined-behaviour sanitizer: its check for NULL (linkers break it for thread-locals)"
	@echo "also skipped: tests that read or corrupt whole stacks or make very small ones (the suite raw_stacks)"
	$(MAKE) --no-print-directory NAME=address SANITIZE=address,undefined run-sanitizer

run-sanitizer-thread: $(CMOCKA)
	@echo "skipped under the thread sanitizer: timer signals (the suite ticks), which it delays"
	@echo "skipped under the thread sanitizer: filling the list of modules, which takes minutes there"
	$(MAKE) --no-print-directory NAME=thread SANITIZE=thread WITHOUT="--no-suite ticks" run-sanitizer

# Without -fsanitize=null: linkers replace the addition that computes a thread-local's address by an lea, which does not
# set the flags that GCC's check for NULL reads. Accesses through NULL fault, and are reported as faults.
# A forked child of a threaded program may continue under the thread sanitizer. Leak detection is off, because the test
# programs' own allocations are not judged here.
OF_SANITIZERS = TSAN_OPTIONS="die_after_fork=0 halt_on_error=1" ASAN_OPTIONS=detect_leaks=0
run-sanitizer:
	$(IN_VENV) meson setup --reconfigure -Dpython=false -Dchecks=true -Db_lundef=false -Db_sanitize=$(SANITIZE) \
	    -Dc_args=-fno-sanitize=null $(C_TESTS) $(VENV)/build-$(NAME) >/dev/null
	$(IN_VENV) meson compile -C $(VENV)/build-$(NAME) >/dev/null
	$(call record-meson,sanitizer-$(NAME),$(VENV)/build-$(NAME),testlog,--timeout-multiplier 4,$(SANITIZED),$(OF_SANITIZERS))

SANITIZED = --suite unit --no-suite raw_stacks $(WITHOUT)

MEMCHECKED = test_arena test_code_table test_shortage test_stack_table test_weight
MEMCHECK = --timeout-multiplier 10 --wrapper "$(VALGRIND_PROGRAM) -q --error-exitcode=9 $(SUPPRESSIONS)"
SUPPRESSIONS = --suppressions=$(abspath tests/c/valgrind.supp)
VALGRIND_PROGRAM = $(if $(wildcard $(VALGRIND)),$(abspath $(VALGRIND))/bin/)valgrind
OF_VALGRIND = $(if $(wildcard $(VALGRIND)),VALGRIND_LIB=$(abspath $(VALGRIND))/libexec/valgrind)
run-valgrind: $(CMOCKA) $(DEPS)/valgrind
	@echo "skipped under valgrind: tests that take more than a minute there, and programs that start no engine"
	$(IN_VENV) meson setup --reconfigure -Dpython=false -Dchecks=true $(C_TESTS) $(VENV)/build-memcheck >/dev/null
	$(IN_VENV) meson compile -C $(VENV)/build-memcheck >/dev/null
	$(call record-meson,valgrind,$(VENV)/build-memcheck,testlog-valgrind,$(MEMCHECK),$(MEMCHECKED),$(OF_VALGRIND))

# ---- Fuzzing --------------------------------------------------------------------------------------------------------

# Targets are listed in tests/fuzz/run.py; FUZZ_TARGETS selects some of them.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=

.PHONY: fuzz
fuzz: $(DEPS)/libfuzzer
	$(PYTHON) tests/fuzz/run.py --libfuzzer $(DEPS)/libfuzzer --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)
