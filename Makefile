# PYTHON chooses the interpreter. Everything else is made here: .venv holds the tools, the package and its build.
PYTHON ?= python3
VENV ?= .venv
CMOCKA ?= build/deps/cmocka
ALLOCATORS = build/deps/allocators
LIBUNWIND = build/deps/libunwind
VALGRIND = build/deps/valgrind/usr
CHROMIUM = build/deps/chromium
PYTHONS = build/pythons
UNRELEASED = 3.14

IN_VENV = PATH="$(abspath $(VENV))/bin:$$PATH"
INSTALL = $(IN_VENV) pip --disable-pip-version-check install --quiet --no-build-isolation --no-deps
RECORD = $(PYTHON) tools/results.py record
SUM = $(PYTHON) tools/results.py sum
# Most tests are programs of their own: both cores have something to do.
PYTEST = $(VENV)/bin/python -m pytest --numprocesses=auto

# Broken invariants and compiler warnings stop test builds only.
CHECKED = -Dchecks=true -Dwerror=true
C_TESTS = -Dtests=true -Dcmocka_prefix=$(abspath $(CMOCKA))/usr

.PHONY: viewers fuzz-pprof demo test test-all lint format bench clean venv install install-checked fresh-results \
    run-fuzz-pprof run-tests run-pytest run-other-pythons packaging-venv run-packaging valgrind pythons
.NOTPARALLEL:

demo: install
	preload="$$($(VENV)/bin/python -c 'from spprof import _memprof; print(_memprof.library_path())')" && \
	    LD_PRELOAD="$$preload" $(VENV)/bin/python examples/demo.py

# C tests, tidy tests and Python tests on PYTHON.
test: fresh-results run-tests
	@$(SUM)

# The same, then the Python tests on every other Python that is found, then the packaging tests.
test-all: fresh-results run-tests run-other-pythons run-packaging
	@$(SUM)

lint: venv
	$(PYTHON) tools/venv.py $(VENV) tools/requirements-lint.txt
	find include src tests -name '*.[ch]' | xargs -r $(VENV)/bin/clang-format --dry-run --Werror
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: venv
	$(PYTHON) tools/venv.py $(VENV) tools/requirements-lint.txt
	find include src tests -name '*.[ch]' | xargs -r $(VENV)/bin/clang-format -i
	$(VENV)/bin/ruff check --fix --exit-zero .
	$(VENV)/bin/ruff format .

bench: install valgrind $(LIBUNWIND)
	if [ -d $(VALGRIND) ]; then \
	    export PATH="$$PATH:$(abspath $(VALGRIND))/bin" VALGRIND_LIB="$(abspath $(VALGRIND))/libexec/valgrind"; \
	fi; \
	for bench in bench/*.py bench/*/run; do \
	    [ -f "$$bench" ] || continue; \
	    echo "== $$bench"; \
	    case "$$bench" in *.py) set -- $(VENV)/bin/python "$$bench";; *) set -- "$$bench";; esac; \
	    $(IN_VENV) "$$@" || exit 1; \
	done

# Our files in the hands of go tool pprof, pprof-format, speedscope and a browser.
viewers: install-checked $(CHROMIUM)
	$(VENV)/bin/python -m pytest -m viewers tests/python --junitxml=build/results/viewers.xml

# The reader of profiles against mutated files, for FUZZ_SECONDS.
fuzz-pprof: install-checked run-fuzz-pprof

run-fuzz-pprof:
	cd $(VENV) && bin/python $(CURDIR)/tests/fuzz/fuzz_pprof.py

libspprof_alloc.so: $(shell find include src -type f) meson.build meson.options
	$(PYTHON) tools/venv.py $(VENV) tools/requirements-build.txt
	$(IN_VENV) meson setup --reconfigure -Dpython=false $(VENV)/build-engine
	$(IN_VENV) meson compile -C $(VENV)/build-engine
	cp $(VENV)/build-engine/$@ $@

clean:
	rm -rf .venv build libspprof_alloc.so

# ---- Steps of the above ---------------------------------------------------------------------------------------------

venv:
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-build.txt tools/requirements-test.txt

# As users get it.
install: venv
	$(INSTALL) -Cbuild-dir=$(VENV)/build .

install-checked: venv
	$(INSTALL) -Cbuild-dir=$(VENV)/build-checked $(foreach option,$(CHECKED) $(OPTIONS),-Csetup-args=$(option)) .

fresh-results:
	@rm -rf build/results

run-tests: OPTIONS = $(C_TESTS)
run-tests: $(CMOCKA) $(ALLOCATORS) $(LIBUNWIND) install-checked
	$(RECORD) c $(VENV)/build-checked/meson-logs/testlog.junit.xml \
	    sh -c '$(VENV)/bin/meson test -C $(VENV)/build-checked --no-rebuild || \
	        { tail -n +4 $(VENV)/build-checked/meson-logs/testlog.txt; exit 1; }'
	SPPROF_BUILD_DIR=$(abspath $(VENV))/build-checked $(RECORD) tidy build/results/tidy.xml \
	    $(VENV)/bin/python -m pytest tests/tidy --junitxml=build/results/tidy.xml
	SPPROF_BUILD_DIR=$(abspath $(VENV))/build-checked $(RECORD) accuracy build/results/accuracy.xml \
	    $(PYTEST) tests/accuracy --junitxml=build/results/accuracy.xml
	SPPROF_ALL_COMBINATIONS=1 $(RECORD) python build/results/python.xml \
	    $(PYTEST) tests/python --junitxml=build/results/python.xml

run-pytest: $(LIBUNWIND) install-checked
	$(PYTEST) tests/python -m "not packaging and not viewers and not long" --junitxml=$(JUNIT)

run-other-pythons:
	$(PYTHON) tools/find_pythons.py --others | while read -r version python; do \
	    $(RECORD) "python-$$version" "build/results/python-$$version.xml" \
	        $(MAKE) --no-print-directory PYTHON="$$python" VENV="build/venvs/$$version" \
	        JUNIT="build/results/python-$$version.xml" run-pytest </dev/null; \
	done

packaging-venv: venv
	$(PYTHON) tools/venv.py $(VENV) tools/requirements-packaging.txt

run-packaging: $(LIBUNWIND) packaging-venv
	$(RECORD) packaging build/results/packaging.xml \
	    $(VENV)/bin/python -m pytest -m packaging tests/python --junitxml=build/results/packaging.xml

# An empty folder where the system has cmocka.
$(CMOCKA):
	@mkdir -p $@.partial
	@printf '#if !__has_include(<cmocka.h>)\n#error\n#endif\n' | $(CC) -E - >/dev/null 2>&1 || \
	    $(PYTHON) tools/fetch_debian.py $@.partial libcmocka-dev libcmocka0
	@mv $@.partial $@

# Other allocators, to stand before and behind ours. Where there are none to be had, the test says so.
$(ALLOCATORS):
	@mkdir -p $@.partial
	@$(PYTHON) tools/fetch_debian.py $@.partial libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 || \
	    $(PYTHON) tools/fetch_debian.py $@.partial libjemalloc2 || true
	@mv $@.partial $@

# libunwind, to compare stacks and their price with. An empty folder where the system has it; where there is none to be
# had, test and benchmark say so.
$(LIBUNWIND):
	@mkdir -p $@.partial
	@$(PYTHON) -c 'import ctypes; ctypes.CDLL("libunwind.so.8")' 2>/dev/null || \
	    $(PYTHON) tools/fetch_debian.py $@.partial libunwind8 || true
	@mv $@.partial $@

# Pythons that no released Debian has, from its unstable suite, each with the C library it was built for. Where they are
# not to be had, their tests do not run.
pythons: $(PYTHONS)/moved
$(PYTHONS)/moved:
	@rm -rf $(PYTHONS)
	@$(PYTHON) tools/venv.py $(VENV) tools/requirements-pythons.txt
	@$(PYTHON) tools/fetch_debian.py --dependencies --suite=sid $(PYTHONS) \
	    $(foreach version,$(UNRELEASED),python$(version)-dev python$(version)-venv)
	@PATH="$(abspath $(VENV))/bin:$$PATH" $(PYTHON) tools/move_python.py $(PYTHONS) $(UNRELEASED)
	@rm -rf $(PYTHONS)/packages $(PYTHONS)/apt
	@touch $@

# A browser. An empty folder where the system has one; where there is none to be had, its tests say so.
$(CHROMIUM):
	@mkdir -p $@.partial
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || \
	    $(PYTHON) tools/fetch_debian.py --dependencies $@.partial chromium-headless-shell fonts-dejavu-core || true
	@rm -rf $@.partial/packages $@.partial/apt
	@mv $@.partial $@

valgrind:
	@command -v valgrind >/dev/null || [ -d $(VALGRIND) ] || \
	    $(PYTHON) tools/fetch_debian.py $(dir $(VALGRIND)) valgrind

# ---- Under watch ----------------------------------------------------------------------------------------------------

.PHONY: stress sanitize run-sanitizer memcheck

# Every specimen for STRESS_SECONDS (240: about two hours), then what is only run when it is named. What has a result for
# these sources is not run again; results are kept in tests/stress.
stress: STRESS_SECONDS ?= 240
stress: install
	STRESS_SECONDS=$(STRESS_SECONDS) $(VENV)/bin/python tests/stress/run.py
	STRESS_SECONDS=$(STRESS_SECONDS) $(VENV)/bin/python tests/stress/run.py servers
	STRESS_SECONDS=1800 $(VENV)/bin/python tests/stress/run.py churn

# The C tests of everything but the hooks, built with sanitizers; then some of them under valgrind.
sanitize: venv $(CMOCKA)
	@echo "left out under sanitizers: the preloaded tests (sanitizers bring a malloc of their own, before which ours" \
	    "would stand) and the Python tests (an interpreter without sanitizers cannot load a library with them)"
	@echo "left out under the thread sanitizer: timers' signals (the suite ticks in tests/c/meson.build), which it puts off"
	@echo "left out under the undefined-behaviour sanitizer: its check for NULL (the linker breaks it for thread-locals)"
	@echo "left out under the thread sanitizer: the filling of the list of modules, which takes it minutes"
	@echo "left out too: tests that read or tear whole stacks or make very small ones (raw_stacks in tests/c/meson.build)"
	$(MAKE) --no-print-directory NAME=address SANITIZE=address,undefined run-sanitizer
	$(MAKE) --no-print-directory NAME=thread SANITIZE=thread WITHOUT="--no-suite ticks" run-sanitizer
	$(MAKE) --no-print-directory memcheck

# Without -fsanitize=null: linkers turn the addition that makes a thread-local's address into an lea, which leaves the
# flags that GCC's check for NULL goes by as they were. What goes through NULL faults, and is reported as that.
# A child of a program with threads may go on under the thread sanitizer; what it allocates is not ours to judge.
run-sanitizer: export TSAN_OPTIONS = die_after_fork=0 halt_on_error=1
run-sanitizer: export ASAN_OPTIONS = detect_leaks=0
run-sanitizer:
	$(IN_VENV) meson setup --reconfigure -Dpython=false -Dchecks=true -Db_lundef=false -Db_sanitize=$(SANITIZE) \
	    -Dc_args=-fno-sanitize=null $(C_TESTS) $(VENV)/build-$(NAME) >/dev/null
	$(IN_VENV) meson compile -C $(VENV)/build-$(NAME) >/dev/null
	$(RECORD) sanitizer-$(NAME) $(VENV)/build-$(NAME)/meson-logs/testlog.junit.xml \
	    sh -c '$(VENV)/bin/meson test -C $(VENV)/build-$(NAME) --no-rebuild --suite unit --no-suite raw_stacks $(WITHOUT) \
	        --timeout-multiplier 4 || \
	        { tail -n +4 $(VENV)/build-$(NAME)/meson-logs/testlog.txt; exit 1; }'

MEMCHECKED = test_arena test_code_table test_shortage test_stack_table test_weight
memcheck: export PATH := $(PATH):$(abspath $(VALGRIND))/bin
memcheck: valgrind
	@echo "left out under valgrind: tests that take more than a minute there, and programs that start no engine"
	$(IN_VENV) meson setup --reconfigure -Dpython=false -Dchecks=true $(C_TESTS) $(VENV)/build-memcheck >/dev/null
	$(IN_VENV) meson compile -C $(VENV)/build-memcheck >/dev/null
	if [ -d $(VALGRIND) ]; then export VALGRIND_LIB="$(abspath $(VALGRIND))/libexec/valgrind"; fi; \
	$(RECORD) valgrind $(VENV)/build-memcheck/meson-logs/testlog-valgrind.junit.xml \
	    sh -c '$(VENV)/bin/meson test -C $(VENV)/build-memcheck --no-rebuild --timeout-multiplier 10 \
	        --wrapper "valgrind -q --error-exitcode=9 --suppressions=$(abspath tests/c/valgrind.supp)" $(MEMCHECKED) || \
	        { tail -n +4 $(VENV)/build-memcheck/meson-logs/testlog-valgrind.txt; exit 1; }'

# ---- Fuzzing --------------------------------------------------------------------------------------------------------

# Targets stand in tests/fuzz/run.py; FUZZ_TARGETS chooses among them. libFuzzer's archive alone is fetched, as the
# newest of these that the system's packages offer; the folder is empty where there is none, and tests/fuzz/driver.c
# does the work.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
LIBFUZZER = build/deps/libfuzzer

.PHONY: fuzz
fuzz: $(LIBFUZZER)
	$(PYTHON) tests/fuzz/run.py --libfuzzer $(LIBFUZZER) --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

$(LIBFUZZER):
	@mkdir -p $@.partial
	@for version in 19 18 14; do \
	    $(PYTHON) tools/fetch_debian.py $@.partial libfuzzer-$$version-dev >/dev/null 2>&1 && break; \
	done || true
	@mv $@.partial $@
